#!/usr/bin/env bash
# A stand-in for MongoDB, for machines that can get no mongod: FerretDB 2 on PostgreSQL 18 with the DocumentDB extension
# (Debian forky's packages, in a directory of their own that they are chrooted into). It speaks MongoDB 7.0's protocol.
# What it lacks: transactions, change streams, replica sets, retryable writes, collations, $jsonSchema validators, $$NOW
# inside the $expr of a filter; explain() gives PostgreSQL's plan; serverStatus counts no connections; errors carry no
# keyPattern, and concurrent inserts on one secondary unique key may give "deadlock detected" (16908292) instead of 11000.
#
#   mongodb-stand-in.sh install       gets and builds everything once (about 5 minutes, 0.6 GB); later calls do nothing
#   mongodb-stand-in.sh run           runs in the foreground; TERM stops it. Several may run, each with its own ports and NAME
# Needs root, Debian 12 and go. Settings: MONGO_PORT, PGPORT (both on loopback only), NAME (of the data directory),
# FAST=1 (no fsync: never where a crash is tried), SIGNALBOX_SERVERS_DIR (/var/cache/signalbox-servers)
set -euo pipefail
HOME_DIR=${SIGNALBOX_SERVERS_DIR:-/var/cache/signalbox-servers}
ROOT=$HOME_DIR/forky
BIN=$HOME_DIR/bin/ferretdb
PGBIN=/usr/lib/postgresql/18/bin
FERRETDB=v2.7.0

as_postgres() { chroot --userspec=postgres:postgres "$ROOT" "$@"; }
# exec: a signal to it is to reach the server, not a shell around it
postgres_on() { exec chroot --userspec=postgres:postgres "$ROOT" $PGBIN/postgres -D "$@"; }
sql() { as_postgres $PGBIN/psql -h /tmp -p "$1" -U postgres -qAt -c "$2"; }

install_root() {
  local mirror apt_options=() file
  command -v mmdebstrap >/dev/null || { apt-get update -qq; apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends mmdebstrap; }
  mirror=$(apt-cache policy base-files | grep -oE 'https?://[^ ]+' | head -n 1 || true)
  [ -n "$mirror" ] || { echo "no Debian mirror is configured for apt (apt-get update first)" >&2; exit 1; }
  for file in /etc/apt/apt.conf.d/99*; do [ -f "$file" ] && apt_options+=(--aptopt="$file"); done
  rm -rf "$ROOT"
  mmdebstrap --quiet --variant=apt --mode=root --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
    "${apt_options[@]}" --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --include=postgresql-18-documentdb \
    forky "$ROOT" "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror forky main"
  printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
  chmod +x "$ROOT/usr/sbin/policy-rc.d"
}

# A data directory as initdb and the extension leave it, to be copied: 0.3 s instead of 5.
make_template() {
  local data=/srv/template port=$((20000 + RANDOM % 10000)) postgres
  rm -rf "$ROOT$data"
  chroot "$ROOT" install -d -m 700 -o postgres -g postgres "$data"
  as_postgres $PGBIN/initdb -D "$data" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 >/dev/null
  cat >>"$ROOT$data/postgresql.conf" <<C
shared_preload_libraries = 'pg_cron,pg_documentdb_core,pg_documentdb'
cron.database_name = 'postgres'
cron.host = '/tmp'
cron.log_statement = off
listen_addresses = '127.0.0.1'
unix_socket_directories = '/tmp'
dynamic_shared_memory_type = mmap
max_connections = 200
shared_buffers = 256MB
deadlock_timeout = 20ms
log_checkpoints = off
C
  postgres_on "$data" -p "$port" -c fsync=off >>"$HOME_DIR/template.log" 2>&1 &
  postgres=$!
  for _ in $(seq 600); do sql "$port" 'select 1' >/dev/null 2>&1 && break; kill -0 "$postgres" 2>/dev/null || break; sleep 0.1; done
  local made=0
  sql "$port" 'create extension if not exists documentdb cascade' >/dev/null 2>>"$HOME_DIR/template.log" || made=$?
  kill -INT "$postgres" || true
  wait "$postgres" || true
  [ "$made" = 0 ] || { tail -n 20 "$HOME_DIR/template.log" >&2; exit 1; }
  touch "$ROOT$data/.complete"
}

install_all() {
  mkdir -p "$HOME_DIR/bin"
  export DEBIAN_FRONTEND=noninteractive
  exec 9>"$HOME_DIR/stand-in.lock"
  flock 9
  if [ ! -x "$BIN" ]; then (cd /tmp && GOBIN=$HOME_DIR/bin GOFLAGS= go install "github.com/FerretDB/FerretDB/v2/cmd/ferretdb@$FERRETDB") 9>&-; fi
  if [ ! -e "$ROOT/usr/lib/postgresql/18/lib/pg_documentdb.so" ]; then install_root 9>&-; fi
  if [ ! -e "$ROOT/srv/template/.complete" ]; then make_template 9>&-; fi
  exec 9>&-
}

run() {
  local data=/srv/$NAME postgres ferretdb='' options="-p $PGPORT -c recovery_init_sync_method=syncfs"
  if [ ! -e "$ROOT$data/.complete" ]; then rm -rf "$ROOT$data"; cp -a "$ROOT/srv/template" "$ROOT$data"; fi
  rm -f "$ROOT$data/postmaster.pid" "$ROOT/tmp/.s.PGSQL.$PGPORT" "$ROOT/tmp/.s.PGSQL.$PGPORT.lock" # what a SIGKILL leaves behind
  [ "${FAST:-0}" = 1 ] && options="$options -c fsync=off -c full_page_writes=off"
  start_postgres() { postgres_on "$data" $options & postgres=$!; }
  stop() {
    set +e
    trap - TERM INT
    [ -n "$ferretdb" ] && kill -TERM "$ferretdb" 2>/dev/null && wait "$ferretdb"
    kill -INT "$postgres" 2>/dev/null
    wait "$postgres" 2>/dev/null
    exit "${1:-0}"
  }
  start_postgres
  trap stop TERM INT
  for n in $(seq 600); do
    sql "$PGPORT" 'select 1' >/dev/null 2>&1 && break
    # backends of one that was killed may hold the shared memory for a moment longer
    kill -0 "$postgres" 2>/dev/null || { [ "$n" -lt 100 ] || exit 1; sleep 0.3; start_postgres; }
    sleep 0.05
  done
  mkdir -p "$ROOT$data/ferretdb"
  "$BIN" --listen-addr="127.0.0.1:$MONGO_PORT" --postgresql-url="postgres://postgres@127.0.0.1:$PGPORT/postgres" --no-auth \
    --state-dir="$ROOT$data/ferretdb" --debug-addr=- --telemetry=disable --log-level=WARN &
  ferretdb=$!
  wait -n "$postgres" "$ferretdb" || true
  stop 1 # nobody asked for it
}

case "${1:-}" in
  install) install_all ;;
  run) : "${MONGO_PORT:?}" "${PGPORT:?}" "${NAME:?}"; run ;;
  *) sed -n '2,12p' "$0"; exit 64 ;;
esac
