#!/usr/bin/env bash
# Starts and stops a Docker engine on a machine that has none and no init system (root, Debian 12).
#   engine.sh start     install if missing, start if not running (idempotent), wait until it answers
#   engine.sh stop      stop every container, then the engine itself, where it was started here (idempotent)
#   engine.sh status    print versions; exit 0 when the engine answers
#   engine.sh env       print 'export PATH=…' that puts the BuildKit-capable docker CLI first (eval it)
#   ENGINE_FRESH=1 engine.sh start   also removes what ended runs of this project left behind, where the engine is started here: the
#                       compose projects that have its images, and containers of testcontainers. Nobody else's.
set -euo pipefail
RUN=${ENGINE_RUN:-/var/run/docker-engine}
LOG=$RUN/dockerd.log
PIDFILE=/var/run/docker.pid
# The process of the engine that was started here: no other is stopped, and nothing of another is removed.
OURS=$RUN/started.pid
SOCK=/var/run/docker.sock
export DOCKER_HOST=unix://$SOCK

up() { [ -S "$SOCK" ] && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
comm_of() { cat "/proc/$1/comm" 2>/dev/null || true; }

install_engine() {
  local want=()
  [ -x /usr/sbin/dockerd ]        || want+=(docker.io)
  command -v iptables >/dev/null  || want+=(iptables)
  if [ "${ENGINE_COMPOSE_V1:-1}" = 1 ] && [ ! -x /usr/bin/docker-compose ]; then want+=(docker-compose); fi
  [ ${#want[@]} -eq 0 ] && return
  export DEBIAN_FRONTEND=noninteractive
  apt-get -o DPkg::Lock::Timeout=300 update -qq
  apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${want[@]}" >"$RUN/apt.log" 2>&1 ||
    { tail -20 "$RUN/apt.log" >&2; exit 1; }
}

start() {
  mkdir -p "$RUN"
  install_engine
  exec 9>"$RUN/lock"; flock -w 120 9            # two scripts may call start at once
  if ! up; then
    # a pid file left by an ended run names a process that is gone or is something else
    local f p
    for f in "$PIDFILE" /var/run/docker/containerd/containerd.pid; do
      if [ -f "$f" ]; then p=$(cat "$f"); case "$(comm_of "$p")" in dockerd|containerd) ;; *) rm -f "$f";; esac; fi
    done
    rm -f "$SOCK"
    setsid /usr/sbin/dockerd -H "$DOCKER_HOST" --pidfile "$PIDFILE" --mtu "$(mtu)" \
        --log-opt max-size=10m --log-opt max-file=3 \
        --shutdown-timeout 20 ${ENGINE_ARGS:-} >"$LOG" 2>&1 </dev/null 9>&- &
    local n; for n in $(seq 1 120); do up && break; kill -0 $! 2>/dev/null || { tail -20 "$LOG" >&2; exit 1; }; sleep .5; done
    up || { echo "engine did not answer within 60 s" >&2; tail -20 "$LOG" >&2; exit 1; }
    cp "$PIDFILE" "$OURS"
    if [ "${ENGINE_FRESH:-0}" = 1 ]; then remove_leftovers; fi
  fi
  status
}
ours() { [ -f "$PIDFILE" ] && [ -f "$OURS" ] && cmp -s "$PIDFILE" "$OURS" && [ "$(comm_of "$(cat "$PIDFILE")")" = dockerd ]; }

# Containers, networks and volumes of the compose projects in which a container of ours runs, and what testcontainers made.
remove_leftovers() {
  local label=com.docker.compose.project project kind
  docker ps -aq --filter label=org.testcontainers=true | xargs -r docker rm -f -v >/dev/null
  docker ps -a --format "{{.Image}} {{.Label \"$label\"}}" | awk '$1 ~ /^notification-(api|worker):/ && $2 != "" { print $2 }' | sort -u |
    while read -r project; do
      docker ps -aq --filter "label=$label=$project" | xargs -r docker rm -f >/dev/null
      for kind in network volume; do docker "$kind" ls -q --filter "label=$label=$project" | xargs -r docker "$kind" rm >/dev/null; done
    done
}
mtu() { local d; d=$(ip -o route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p;q'); cat "/sys/class/net/${d:-lo}/mtu" 2>/dev/null | awk '$1<1500{print;next}{print 1500}'; }

stop() {
  if up && ! ours; then echo "engine: was not started here, so it stays" && return; fi
  if up; then docker ps -q | xargs -r docker stop -t 5 >/dev/null; fi
  if [ -f "$PIDFILE" ]; then
    local p; p=$(cat "$PIDFILE")
    if [ "$(comm_of "$p")" = dockerd ]; then
      kill "$p"; local n; for n in $(seq 1 60); do [ -d "/proc/$p" ] || break; sleep .5; done
      [ -d "/proc/$p" ] && { echo "dockerd $p still there after 30 s" >&2; exit 1; }
    fi
  fi
  echo "engine stopped"
}
status() { up || { echo "engine: not running"; return 3; }; echo "engine: $(docker version --format '{{.Server.Version}}') api $(docker version --format '{{.Server.APIVersion}}') pid $(cat $PIDFILE) data $(docker info --format '{{.DockerRootDir}} {{.Driver}} cgroup-v{{.CgroupVersion}}')"; }

case "${1:-start}" in
  start) start;; stop) stop;; status) status;;
  env) d=$RUN/bin; mkdir -p "$d"; ln -sf /usr/bin/docker "$d/docker"; echo "export PATH=$d:\$PATH DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1";;
  *) sed -n '2,8p' "$0"; exit 64;;
esac
