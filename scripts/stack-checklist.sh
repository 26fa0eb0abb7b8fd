#!/usr/bin/env bash
# Checklist A (docs/checklists/A-notifications.md) on the real stack, command by command, scaling and failures under load.
#
#   bash scripts/stack-checklist.sh             everything, about a quarter of an hour
#   bash scripts/stack-checklist.sh --smoke     build, start, verify, a short load, no duplicates, stop
#   bash scripts/stack-checklist.sh --full      with npm install, npm test and the ten minutes of load of the checklist
#   --keep                                      leaves the stack running, and skips the emergency stop
#   --record                                    the transcript is kept in docs/transcripts/checklist-a.txt as well, without what
#                                               is secret or only of this machine
#
# What was run and what it said: data/stack-checklist/transcript.txt, results of the loads beside it. Exit 1: a check failed.
# Where the checklist itself is wrong the corrected command is run (909$i is no port for i = 10; `mongo` and its query see
# no duplicates; RabbitMQ wants a vhost and a password; `open` needs a person), and says so.
set -uo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/stack.sh
. scripts/lib/checklist.sh

smoke=false full=false keep=false record=''
for argument in "$@"; do
  case $argument in
    --smoke) smoke=true ;;
    --full) full=true ;;
    --keep) keep=true ;;
    --record) record=docs/transcripts/checklist-a.txt ;;
    *) sed -n '2,/^set /{/^#/p}' "$0" | sed 's/^# \{0,1\}//'; exit 2 ;;
  esac
done
command -v docker-compose >/dev/null || docker-compose() { compose "$@"; }
export COMPOSE_DOCKER_CLI_BUILD=1 DOCKER_BUILDKIT=1
# The checklist's logins, unless .env has others.
grafana_login=admin:$(setting GRAFANA_ADMIN_PASSWORD admin)
rabbitmq_login=$(setting RABBITMQ_USERNAME guest):$(setting RABBITMQ_PASSWORD guest)

begin_transcript data/stack-checklist "$record"

environment_setup() {
  section '1. Environment Setup'
  run 41 'export NUM_WORKERS=5 NUM_API_INSTANCES=2 WORKER_BATCH_SIZE=50 LOCK_DURATION_MS=300000 POLL_INTERVAL_MS=5000 PREFETCH_COUNT=10'
  run 49 'export MONGODB_URI=mongodb://mongodb:27017/notifications MONGODB_MAX_POOL_SIZE=50'
  run 53 'export REDIS_URL=redis://redis:6379 REDIS_MAX_MEMORY=2gb'
  run 57 'export RABBITMQ_URL=amqp://rabbitmq:5672 RABBITMQ_CONSUMER_GROUP=notification-workers'
}

build_application() {
  section '2. Build Application'
  if $full; then
    run 64 'npm install'
    run 67 'npm test'
  fi
  run 70 'npm run build'
  run 73 'ls -la dist/'
}

build_images() {
  section '3. Build Docker Images'
  run 79 'docker-compose -f docker-compose.scale.yml build'
  run 82 'docker images | grep notification'
}

start_infrastructure() {
  section '4. Start Infrastructure'
  local began=$SECONDS
  run 88 'docker-compose -f docker-compose.scale.yml up -d'
  # Instead of `sleep 30`: until all say that they are well. What `up` itself took counts.
  run 91 'stack_wait 45 $began'
  run 94 'docker-compose -f docker-compose.scale.yml ps'
}

verify_deployment() {
  section '5. Verify Deployment'
  run 101 'curl -s http://localhost/health'
  says '"status":"healthy","database":"connected","redis":"connected","messageQueue":"connected"'
  run 114 'for i in {1..5}; do echo "Worker-$i:"; curl -s http://localhost:$((9090 + i))/health; echo; done'
  says_times 5 '"isRunning":true'
  run 138 'targets'
  within 60 'every target that Prometheus knows is up, all processes among them' targets_up 7
  run 146 'curl -s -u "$grafana_login" http://localhost:3000/api/health'
  run 149 'curl -s http://localhost:9090/-/ready'
  run 152 'curl -s -u "$rabbitmq_login" http://localhost:15672/api/overview | head -c 200'
  says '"rabbitmq_version"\|"management_version"'
  section '6. Import Grafana Dashboard'
  run 156 'curl -s -u "$grafana_login" http://localhost:3000/api/search?type=dash-db'
  says '"uid"'
}

load_test() {
  section '7. Run Load Test'
  local seconds=60
  $full && seconds=600
  if $smoke; then
    # Whether it is quick enough is nothing that a busy machine can tell.
    load_start smoke 20 12
    load_judge smoke
  else
    run 170 "npm run load-test -- --duration=$seconds --rate=12 --users=10000 --skip-baselines --report=$directory/report.html --history=$directory/history.jsonl"
  fi
  run 167 'docker-compose -f docker-compose.scale.yml logs --tail 5 worker-1 worker-2'
  run 173 'curl -s http://localhost:9091/resources'
  section '8. Verify No Duplicates'
  run 187 'npm run verify:duplicates'
  says 'duplicates *0\|0 duplicates\|no duplicates'
}

scaling() {
  section 'Scaling: up'
  load_start scale-up 45 25
  run 246 'docker-compose -f docker-compose.scale.yml up -d --scale worker=10'
  run 0 'stack_wait 60'
  run 249 'for i in {1..10}; do curl -s http://localhost:$((9090 + i))/health; echo; done'
  run 0 'worker_ids'
  check 'fifteen workers, each with a name of its own' test "$(worker_ids | sort -u | wc -l)" = 15
  within 60 'every target is up, seventeen processes among them' targets_up 17
  load_judge scale-up
  section 'Scaling: down'
  load_start scale-down 45 25
  run 260 'docker-compose -f docker-compose.scale.yml up -d --scale worker=3'
  run 263 'for i in {1..3}; do curl -s http://localhost:$((9090 + i))/health; echo; done'
  says_times 3 '"status":"healthy"'
  within 60 'the five and three elastic ones are left, and Prometheus calls nobody down' targets_up 10
  check 'eight workers, each with a name of its own' test "$(worker_ids | sort -u | wc -l)" = 8
  load_judge scale-down
  run 269 'curl -s http://localhost:9091/resources | json queue'
  section 'Scaling: an exact fleet'
  run 0 'npx signalbox scale 5'
  check 'five workers' test "$(worker_ids | sort -u | wc -l)" = 5
}

failures() {
  section 'Failure: a worker is killed'
  load_start worker-crash 75 25
  pause 10
  local since
  since=$(date +%s%3N)
  run 277 'docker-compose -f docker-compose.scale.yml kill worker-1'
  run 0 'curl -s http://localhost:9092/health'
  says '"status":"healthy"'
  within 60 'the pager is told of WorkerDown' told pager WorkerDown "$since"
  within 20 'so is the chat' told chat WorkerDown "$since"
  run 285 'docker-compose -f docker-compose.scale.yml up -d worker-1'
  within 45 'worker-1 is back and healthy' healthy_at 9091
  run 288 'curl -s http://localhost:9091/health'
  load_judge worker-crash
  section 'Failure: MongoDB restarts'
  load_start mongodb-restart 60 25
  pause 10
  run 294 'docker-compose -f docker-compose.scale.yml restart mongodb'
  within 60 'all is healthy again by itself' all_healthy
  # Whoever asked nothing of it in that second has not noticed.
  run 0 'docker-compose -f docker-compose.scale.yml logs --no-color | grep -i "mongodb reconnected" | tail -n 5'
  says reconnected
  load_judge mongodb-restart
  section 'Failure: RabbitMQ restarts'
  load_start rabbitmq-restart 90 25
  pause 10
  run 308 'docker-compose -f docker-compose.scale.yml restart rabbitmq'
  within 90 'all is healthy again by itself' all_healthy
  # Here and not before: a broker tells everybody that it goes.
  run 302 'docker-compose logs worker-1 | grep -i "reconnect" | tail -n 5'
  load_judge rabbitmq-restart
  run 187 'npm run verify:duplicates'
}

# A fault for each severity: critical is WorkerDown above, these are info and warning.
alerts() {
  section 'Alerts: ten dead letters'
  local since user=planted-$$
  since=$(date +%s%3N)
  # Nothing may be sent to a link-local address, so each is dead at once.
  run 0 'for i in {1..12}; do dead_letter "$user"; done | sort | uniq -c'
  says '12 202'
  within 60 'the chat is told of DeadLettersGrowing, which is info' told chat DeadLettersGrowing "$since"
  within 150 'mail is sent for DeadLettersHigh, which is a warning' told operations@example.org DeadLettersHigh "$since"
  within 20 'the chat is told of it as well' told chat DeadLettersHigh "$since"
  within 90 'the dead man'"'"'s switch hears that alerting works' told dead-mans-switch Watchdog "$since"
  run 0 'SIGNALBOX_URL=http://localhost:8080 npx signalbox dlq discard --user "$user" --reason "planted by the checklist" --yes'
  within 180 'the chat is told that it is over' told chat 'RESOLVED: DeadLettersHigh' "$since"
}

useful_commands() {
  section 'Useful Commands'
  run 440 'for port in 3001 3002 9091 9092 9093 9094 9095; do echo "Port $port:"; curl -s http://localhost:$port/health | json status; done'
  says_times 7 '^healthy$'
  run 446 'docker stats --no-stream'
  run 449 'npm run --silent diag'
  run 452 'curl -s -u "$rabbitmq_login" http://localhost:15672/api/queues/%2F/notification-workers | json messages'
  run 0 'listening'
  check 'nothing but 80 and 443 listens beyond this machine' only_web_ports
}

emergency_stop() {
  section 'Emergency Stop'
  run 458 'docker-compose -f docker-compose.scale.yml down'
  check 'nothing is left running' test -z "$(stack_containers)"
  if $smoke; then return; fi
  run 88 'docker-compose -f docker-compose.scale.yml up -d'
  run 0 'stack_wait 60'
  run 187 'npm run verify:duplicates'
  run 461 'docker-compose -f docker-compose.scale.yml kill'
  run 458 'docker-compose -f docker-compose.scale.yml down'
  check 'nothing is left running' test -z "$(stack_containers)"
}

environment_setup
build_application
build_images
start_infrastructure
verify_deployment
load_test
if ! $smoke; then
  scaling
  failures
  alerts
fi
useful_commands
$keep || emergency_stop
end_transcript
