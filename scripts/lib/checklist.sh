# For scripts/stack-checklist.sh, to be sourced after stack.sh: runs commands, keeps what they said, and counts checks.

passed=0
failed=()
output=''
directory=''

# json NAME…: a field of the JSON on standard input, by its path.
json() {
  node -e 'let v = JSON.parse(require("fs").readFileSync(0, "utf8")); for (const n of process.argv.slice(1)) v = v?.[n];
    console.log(typeof v === "string" ? v : JSON.stringify(v));' "$@"
}

# begin_transcript DIRECTORY [FILE]: FILE is given the transcript as it may be kept beside the code, when it is whole.
begin_transcript() {
  directory=$1 record=${2:-}
  mkdir -p "$directory"
  output=$directory/.output
  exec 3>&1 4>&2 > >(tee "$directory/transcript.txt") 2>&1
  writer=$!
  printf '%s, %s\n' "$(date -u +%FT%TZ)" "$(docker version --format 'Docker {{.Server.Version}}')"
}

end_transcript() {
  printf '\n%d checks passed, %d failed\n' "$passed" "${#failed[@]}"
  [ ${#failed[@]} -eq 0 ] || printf '  %s\n' "${failed[@]}"
  # Whole only when its writer has ended.
  exec >&3 2>&4 3>&- 4>&-
  wait "$writer"
  local code=0
  [ -z "$record" ] || node scripts/lib/keep-transcript.mjs "$directory/transcript.txt" "$record" "$(stack_project)" || code=1
  [ ${#failed[@]} -eq 0 ] || code=1
  exit "$code"
}

section() { printf '\n== %s\n' "$1"; }

verdict() {
  if [ "$1" = 0 ]; then passed=$((passed + 1)); printf '   ok: %s\n' "$2"
  else failed+=("$2"); printf '   FAILED: %s\n' "$2"; fi
}

# run LINE COMMAND: of that line of the checklist (0: of none). What it says is shown and kept for `says`; that it ends
# with 0 is a check. Run in this shell, since some commands set variables.
run() {
  local code=0
  printf '\n[A:%s] $ %s\n' "$1" "$2"
  eval "$2" >"$output" 2>&1 </dev/null || code=$?
  tail -n 60 "$output"
  verdict "$code" "$2"
}

# says PATTERN: the last command did (a basic regular expression).
says() { local code=0; grep -q -- "$1" "$output" || code=1; verdict "$code" "says $1"; }
says_times() { local found; found=$(grep -c -- "$2" "$output"); verdict "$([ "$found" = "$1" ]; echo $?)" "says $2 $1 times (it did $found times)"; }

# check TEXT COMMAND…
check() { local text=$1 code=0; shift; "$@" >/dev/null 2>&1 || code=1; verdict "$code" "$text"; }

# within SECONDS TEXT COMMAND…: it holds by then.
within() {
  local limit=$1 text=$2 began=$SECONDS
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ $((SECONDS - began)) -ge "$limit" ]; then verdict 1 "$text (not within $limit s)"; return; fi
    sleep 1
  done
  verdict 0 "$text (after $((SECONDS - began)) s)"
}

# So that a load is under way, or that a fault lasts.
pause() { sleep "$1"; }

all_healthy() { [ -n "$(stack_containers)" ] && [ -z "$(stack_unhealthy)" ]; }
# told WHOM WHAT SINCE: the stack's sink, in the place of pager, chat and mail, was sent something with WHAT in it for WHOM,
# since then (milliseconds).
told() {
  curl -fs "http://localhost:8080/sink/deliveries?since=$3" | node -e '
    const [whom, what] = process.argv.slice(1);
    const { arrivals } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    process.exit(arrivals.some((one) => one.target === whom && `${one.subject} ${one.excerpt}`.includes(what)) ? 0 : 1);' "$1" "$2"
}

# dead_letter USER: one notification that nobody may deliver; the status of the answer.
dead_letter() {
  curl -s -o /dev/null -w '%{http_code}\n' http://localhost:8080/api/v1/notifications -H 'content-type: application/json' \
    -d "{\"userId\":\"$1\",\"channels\":[\"webhook\"],\"to\":{\"webhook\":\"http://169.254.1.1/nowhere\"},\"body\":\"planted\"}"
}
healthy_at() { curl -fs "http://localhost:$1/health"; }

# What Prometheus scrapes: job, address, health.
targets() {
  curl -s http://localhost:9090/api/v1/targets | node -e '
    const { data } = JSON.parse(require("fs").readFileSync(0, "utf8"));
    for (const { labels, scrapeUrl, health } of data.activeTargets) console.log(labels.job, scrapeUrl, health);'
}

# targets_up N: no target is down, and N of them are APIs and workers.
targets_up() {
  local all
  all=$(targets) || return 1
  [ -n "$all" ] && ! grep -qv ' up$' <<<"$all" && [ "$(grep -cE '//[^ ]*:(3000|9090)/' <<<"$(grep -v 'localhost:9090\|prometheus:9090\|grafana:3000' <<<"$all")")" = "$1" ]
}

# The ids of the workers, asked at the ports that the engine published for them (9090 itself is Prometheus).
worker_ids() {
  local port
  for port in $(docker ps --filter "label=com.docker.compose.project=$(stack_project)" --format '{{.Ports}}' |
    sed -nE 's/.*127\.0\.0\.1:([0-9]+)->9090\/tcp.*/\1/p' | grep -vx 9090); do
    curl -s "http://localhost:$port/health" | json worker workerId
  done
}

# Published ports, and the addresses they are published on.
listening() {
  docker ps --filter "label=com.docker.compose.project=$(stack_project)" --format '{{.Ports}}' | tr ',' '\n' | sed 's/^ *//' | grep -e '->' | sort -u
}

only_web_ports() { ! listening | grep -v '^127\.0\.0\.1:' | grep -vE '^[^ ]*:(80->80|443->443)/tcp$'; }

load_pid=''
# load_start NAME SECONDS RATE: a load beside what follows.
load_start() {
  printf '\n(beside: load %s, %s /s for %s s)\n' "$1" "$3" "$2"
  npm run --silent load-test -- --duration="$2" --rate="$3" --users=1000 --skip-baselines --json --warm-up=0 \
    --report="$directory/$1.html" --history="$directory/history.jsonl" >"$directory/$1.json" 2>"$directory/$1.log" </dev/null &
  load_pid=$!
}

# load_judge NAME: its ledgers balance, whatever its latencies were while something was broken.
load_judge() {
  local code=0
  wait "$load_pid"
  printf '\n(load %s)\n' "$1"
  node scripts/lib/judge-load.mjs "$directory/$1.json" || { code=1; tail -n 3 "$directory/$1.log"; }
  verdict "$code" "load $1: accepted = accounted for, nothing lost, at most one effect per operation id"
}
