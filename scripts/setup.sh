#!/usr/bin/env bash
# Writes .env for the compose stack: generated secrets, and how many workers. Gives containers the right to read what is mounted.
#
#   bash scripts/setup.sh                                    for a laptop: everything on 127.0.0.1, a sink instead of providers,
#                                                            admin/admin for Grafana and guest/guest for RabbitMQ
#   bash scripts/setup.sh --production --smtp-url smtp://user:password@mail.example.org:587 --public-url https://notify.example.org
#
#   --email-from ADDRESS   the sender of e-mail (default: no-reply@ the host of --public-url); the relay must let it send
#   --runbook-url URL   where the people who are told of alerts read docs/runbook.md (default: RUNBOOK_URL, else the stack's
#                   Grafana as this machine reaches it)
#   ALERT_EMAIL_TO, ALERT_SMTP_FROM, ALERT_CHAT_URL, ALERT_PAGER_KEY, ALERT_HEARTBEAT_URL, in the environment: whom Alertmanager
#                   tells in production (DEPLOYMENT.md has all of them). They go into docker/alertmanager/production/
#   --receivers     only that, beside a .env that is there; what a person wrote there stays
#   --workers N     how many (default: NUM_WORKERS, else 5): the named ones first, then as many of the elastic service as needed
#   --force         replaces a .env that is there; the old one is kept as .env.bak-… with the time. The passwords of a stack that has run
#                   before are in its volumes: see DEPLOYMENT.md, Passwords
#   --keep-volumes  goes on where such volumes are there
set -euo pipefail
cd "$(dirname "$0")/.."

. scripts/lib/alert-receivers.sh
. scripts/lib/for-containers.sh
. scripts/lib/stack.sh
. scripts/lib/volumes.sh

production=false receivers_only=false force=false keep_volumes=false email_from='' smtp_url='' public_url='' runbook_url=${RUNBOOK_URL:-} workers=${NUM_WORKERS:-5}
usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; }
refuse() { printf 'setup: %s\n' "$1" >&2; exit 2; }

# plain OPTION VALUE: refuses what .env would have to quote, and shells, compose and Signalbox each quote in another way.
plain() {
  local signs='^[][A-Za-z0-9._~:/?@!*+,=%-]*$'
  [[ $2 =~ $signs ]] || refuse "$1: has a sign in it that .env does not take as it is; write it as a URL does, with % (a space is %20, # is %23, \$ is %24)"
}
while [ $# -gt 0 ]; do
  case $1 in
    --production) production=true ;;
    --force) force=true ;;
    --receivers) receivers_only=true ;;
    --smtp-url) smtp_url=${2:?setup: --smtp-url wants an address}; shift ;;
    --email-from) email_from=${2:?setup: --email-from wants an address}; shift ;;
    --keep-volumes) keep_volumes=true ;;
    --public-url) public_url=${2:?setup: --public-url wants an address}; shift ;;
    --runbook-url) runbook_url=${2:?setup: --runbook-url wants an address}; shift ;;
    --workers) workers=${2:?setup: --workers wants a number}; shift ;;
    --help | -h) usage; exit 0 ;;
    *) refuse "what is $1? see --help" ;;
  esac
  shift
done
plain --smtp-url "$smtp_url"
plain --public-url "$public_url"
plain --runbook-url "$runbook_url"
[[ $runbook_url != *[?#]* ]] || refuse '--runbook-url: links go on behind it, so it has neither ? nor #'
plain --email-from "$email_from"
host=$(printf '%s' "${public_url:-localhost}" | sed -E 's#^https?://##; s#[:/].*##')
[ -n "$email_from" ] || [ -z "$public_url" ] || email_from=no-reply@$host
[[ $workers =~ ^[0-9]{1,4}$ ]] && [ "$((10#$workers))" -le 25 ] || refuse "--workers: $workers is not a number from 0 to 25"
workers=$((10#$workers))
if $receivers_only; then
  [ -e .env ] || refuse '--receivers is for a .env that is there'
elif [ -e .env ] && ! $force; then refuse '.env is there already; --force replaces it'; fi

# A server takes users and passwords from its variables only while its volume is empty: with those of a stack for a laptop, guest/guest
# and admin/admin would go on being let in, and the new ones would not.
if $production && ! $receivers_only && ! $keep_volumes; then
  volumes=$(volumes_of_project)
  [ -z "$volumes" ] || refuse "volumes of a stack that ran here are there ($volumes): their servers keep the users and passwords that they have. \
Remove them, with all that is in them (docker-compose -f docker-compose.scale.yml down --volumes), or change the passwords as DEPLOYMENT.md says and add --keep-volumes"
fi

# Hex and base64 without a dollar or a quote: shells, compose and Signalbox read them alike.
secret() { openssl rand -hex 32; }

write() {
  printf '# Made by scripts/setup.sh on %s. Secrets: keep it out of version control, and a copy where it is safe.\n' "$(date -u +%F)"
  if $production; then
    cat <<EOF
NODE_ENV=production
AUTH_REQUIRED=on
ADMIN_API_KEY=$(secret)
METRICS_TOKEN=$(secret)
PUBLIC_ADDRESS=0.0.0.0
PUBLIC_URL=$public_url
TLS_NAME=$host
SINKS=0
$(alert_settings)
SMTP_URL=$smtp_url
EMAIL_FROM=$email_from
SMS_URL=
SMS_EFFECT_CLASS=
PUSH_URL=
PUSH_EFFECT_CLASS=
WEBHOOK_ALLOW=
RABBITMQ_USERNAME=signalbox
RABBITMQ_PASSWORD=$(secret)
GRAFANA_ADMIN_PASSWORD=$(secret)
EOF
  else
    cat <<EOF
NODE_ENV=development
RABBITMQ_USERNAME=guest
RABBITMQ_PASSWORD=guest
GRAFANA_ADMIN_PASSWORD=admin
EOF
  fi
  cat <<EOF
MONGODB_ROOT_PASSWORD=$(secret)
MONGODB_USERNAME=signalbox
MONGODB_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
JWT_SECRET=$(secret)
LINK_SECRET=$(secret)
WEBHOOK_SECRET=whsec_$(openssl rand -base64 32)
NUM_API_INSTANCES=2
NUM_WORKERS=$workers
EOF
  # Without it each compose file leads to its own Grafana.
  [ -z "$runbook_url" ] || echo "RUNBOOK_URL=${runbook_url%/}"
  # Which of the named workers run, and how many of the elastic ones beside them.
  for i in 1 2 3 4 5; do echo "WORKER_$i=$((i <= workers ? 1 : 0))"; done
  echo "ELASTIC_WORKERS=$((workers > 5 ? workers - 5 : 0))"
}

readable_for_containers
umask 077
if $receivers_only; then
  alert_settings_elsewhere
  [ -n "$smtp_url" ] || smtp_url=$(env_value SMTP_URL)
fi
if $production || $receivers_only; then prepare_receivers "$smtp_url"; fi
if $receivers_only; then
  add_alert_settings
  exit 0
fi
[ ! -e .env ] || cp .env "$(mktemp ".env.bak-$(date -u +%Y%m%dT%H%M%SZ)-XXXX")"
write >.env.new
mv .env.new .env
printf 'setup: wrote .env, %d workers, %s\n' "$workers" "$($production && echo production || echo development)"
if $production && [ -z "$smtp_url" ]; then echo 'setup: SMTP_URL is still to be filled in; the stack refuses to start without it'; fi
if $production && [ -n "$smtp_url" ]; then printf 'setup: e-mail comes from %s (EMAIL_FROM)\n' "${email_from:-nobody yet; set EMAIL_FROM}"; fi
if $production; then echo 'setup: the first key is ADMIN_API_KEY in .env; make others with it, then take it out'; fi
