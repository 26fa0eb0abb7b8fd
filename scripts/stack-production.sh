#!/usr/bin/env bash
# The production profile as a running stack: what it refuses, who gets in, who is told of alerts, what can be reached from where.
#
#   bash scripts/stack-production.sh            about three minutes; the images are those of IMAGE_TAG, built before
#
# In a copy of the compose files with a .env of its own, under a project name of its own, which is removed at the end. The
# ports are the stack's: take another one down before. What was run and what it said: data/stack-production/transcript.txt.
set -uo pipefail
cd "$(dirname "$0")/.."
root=$PWD
. scripts/lib/stack.sh
. scripts/lib/checklist.sh
[ $# -eq 0 ] || { sed -n '2,7p' "$0" | sed 's/^# \{0,1\}//'; exit 2; }
export COMPOSE_PROJECT_NAME=signalbox-production COMPOSE_DOCKER_CLI_BUILD=1 DOCKER_BUILDKIT=1

begin_transcript "$root/data/stack-production"
copy=$(mktemp -d)
cp -r docker docker-compose.scale.yml nginx.conf prometheus.yml prometheus grafana grafana-dashboard.json scripts "$copy"
# Who is told here is told by nobody else.
rm -rf "$copy/docker/alertmanager/production"
cd "$copy"
stack() { compose -f docker-compose.scale.yml "$@"; }
receiver=$COMPOSE_PROJECT_NAME-receiver
gone() { docker rm -f -v "$receiver" >/dev/null 2>&1; cd "$copy" && stack down --volumes --timeout 10 >/dev/null 2>&1; cd "$root" && rm -rf "$copy"; }
trap gone EXIT
signalbox() { node "$root/bin/signalbox.mjs" "$@"; }
# refused COMMAND: ends with something else than 0.
refused() { run 0 "! $1"; }

section 'Passwords that everybody knows'
run 0 'bash scripts/setup.sh --production --smtp-url smtp://mail.example.org:587 --public-url https://notify.example.org'
run 0 "stat -c '%a' .env"
says '^600$'
refused 'stack run --rm --no-deps preflight'
says 'ALERTMANAGER_CONFIG: .* is still to be filled in'
says 'ALERTMANAGER_SECRETS: .* is still to be filled in'
export ALERT_EMAIL_TO=ops@example.org ALERT_SMTP_FROM=alerts@example.org ALERT_SMTP_SMARTHOST=receiver:2525 ALERT_SMTP_REQUIRE_TLS=false
export ALERT_CHAT_URL=http://receiver:3080/sink/webhook/chat ALERT_HEARTBEAT_URL=http://receiver:3080/sink/webhook/heartbeat
export ALERT_PAGER_URL=http://receiver:3080/sink/webhook/pager ALERT_PAGER_KEY
ALERT_PAGER_KEY=$(openssl rand -hex 16)
rm -rf docker/alertmanager/production
run 0 'bash scripts/setup.sh --receivers'
run 0 'stack run --rm --no-deps preflight'
refused 'ALERTMANAGER_CONFIG=$PWD/docker/alertmanager.yml stack run --rm --no-deps preflight'
says 'ALERTMANAGER_CONFIG: .* leads to the sink'
refused 'ALERTMANAGER_SECRETS=$PWD/docker/alertmanager/secrets stack run --rm --no-deps preflight'
says 'ALERTMANAGER_SECRETS: .* is a secret that everybody knows'
refused 'GRAFANA_ADMIN_PASSWORD=admin stack run --rm --no-deps preflight'
says GRAFANA_ADMIN_PASSWORD
refused 'RABBITMQ_PASSWORD=guest stack run --rm --no-deps preflight'
says RABBITMQ_PASSWORD
refused 'JWT_SECRET=changeme stack run --rm --no-deps preflight'
says JWT_SECRET
refused 'NODE_ENV=development stack run --rm --no-deps preflight'
says PUBLIC_ADDRESS
refused 'MONGODB_ROOT_PASSWORD=development-only stack run --rm --no-deps preflight'
says MONGODB_ROOT_PASSWORD

section 'Start'
run 0 'stack up -d'
# In the place of mail relay, chat, pager and dead man's switch; it is no part of the stack.
run 0 'docker run -d --name "$receiver" --network "${COMPOSE_PROJECT_NAME}_watch" --network-alias receiver \
  "notification-api:${IMAGE_TAG:-latest}" node dist/sink/main.js --host 0.0.0.0 --http-port 3080 --smtp-port 2525'
run 0 'stack_wait 60'

section 'From outside'
outside=https://localhost
body='{"userId":"user_1","channels":["in-app"],"category":"orders","subject":"s","body":"b"}'
# post KEY: the status of a notification that is posted with it, through nginx and TLS.
post() {
  curl -sk -o /dev/null -w '%{http_code}\n' "$outside/api/v1/notifications" -H 'content-type: application/json' \
    ${1:+-H "authorization: Bearer $1"} -d "$body"
}
status() { curl -sk -o /dev/null -w '%{http_code}\n' "$@"; }
run 0 'post ""'
says '^401$'
run 0 'post "no-such-key"'
says '^401$'
run 0 'status http://localhost/health'
says '^200$'
run 0 'status http://localhost/api/v1/notifications'
says '^30[18]$'
for path in /metrics /resources /api/v1/keys /api/v1/dead-letters; do
  # nginx's own answer: the API would say 401.
  run 0 "status $outside$path"
  says '^404$'
done
run 0 'listening'
check 'nothing but 80 and 443 listens beyond this machine' only_web_ports

section 'A key, a second one beside it, and the first revoked'
# The keys themselves are not shown: this transcript is kept.
export SIGNALBOX_URL=http://localhost:8080 SIGNALBOX_API_KEY
SIGNALBOX_API_KEY=$(setting ADMIN_API_KEY '')
made=$(signalbox --json key create orders --scopes send,read)
id=$(json keyId <<<"$made") first=$(json key <<<"$made")
run 0 'post "$first"'
says '^202$'
run 0 "curl -sk -o /dev/null -w '%{http_code}\n' $outside/api/v1/keys -H \"authorization: Bearer \$first\""
says '^40[34]$'
second=$(signalbox --json key rotate "$id" --overlap 1h | json key)
run 0 'post "$first"; post "$second"'
says_times 2 '^202$'
check 'the second key is another one' test "$first" != "$second"
run 0 'signalbox key revoke "$id"'
first_is_out() { [ "$(post "$first"; post "$first"; post "$first"; post "$first")" = $'401\n401\n401\n401' ]; }
within 6 'the first key is refused by both APIs' first_is_out
run 0 'post "$second"'
says '^202$'

section 'Who is told of alerts'
for severity in critical warning; do
  run 0 "stack exec -T alertmanager amtool alert add Try severity=$severity --annotation=summary='Only a try' --alertmanager.url=http://localhost:9093"
done
told() {
  docker exec "$receiver" node -e 'fetch("http://127.0.0.1:3080/sink/deliveries").then((answer) => answer.text()).then(console.log)' | grep -qF "$1"
}
for whom in pager chat ops@example.org; do within 60 "$whom is told of an alert" told "\"target\":\"$whom\""; done
# Every minute, as long as Prometheus and Alertmanager live.
within 150 'the dead man'"'"'s switch hears that they live' told '"target":"heartbeat"'

section 'No secret in the logs'
run 0 'stack logs --no-color > logs.txt; wc -l < logs.txt'
secrets=$(sed -nE 's/^[A-Z_]*(PASSWORD|SECRET|API_KEY|TOKEN)=(.{12,})$/\2/p' .env; printf '%s\n%s\n' "$first" "$second" "$ALERT_PAGER_KEY")
check 'neither passwords nor keys are in any log' bash -c '! grep -qF -f <(printf "%s\n" "$1") logs.txt' _ "$secrets"
end_transcript
