# For scripts that handle the compose stack; to be sourced from the root of the project.

# Compose 2 where the engine has it, else 1.29: what works with one works with the other.
compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"
  else COMPOSE_DOCKER_CLI_BUILD=1 DOCKER_BUILDKIT=1 docker-compose "$@"; fi
}

# setting NAME DEFAULT: from the shell, else from .env, else the default.
setting() {
  local value=${!1:-}
  [ -n "$value" ] || value=$(sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1)
  printf '%s' "${value:-$2}"
}

# As compose finds it: the shell's, that of .env, the directory's.
stack_project() {
  local name=${COMPOSE_PROJECT_NAME:-$(setting COMPOSE_PROJECT_NAME "$(basename "$PWD")")}
  printf '%s' "${name,,}" | tr -cd 'a-z0-9_-'
}

# Every container of the stack, a line each: name, state, status with health, service.
stack_containers() {
  docker ps -a --filter "label=com.docker.compose.project=$(stack_project)" \
    --format '{{.Names}}\t{{.State}}\t{{.Status}}\t{{.Label "com.docker.compose.service"}}'
}

# What others wait for to have ended; every other service is missing once it has.
stack_one_shot='preflight|migrate'

# What is not as it is to be: running and healthy, or, of the one-shot services, ended with 0.
stack_unhealthy() {
  stack_containers | awk -F'\t' -v once="^($stack_one_shot)\$" '!($4 ~ once ? $3 ~ /^Exited \(0\)/ : $3 ~ /\(healthy\)/)'
}

# stack_wait SECONDS [SINCE]: until all is healthy, so long after SINCE, which is now unless a value of $SECONDS is given.
# Says how long it took, or what is not. Looks once, however late it is.
stack_wait() {
  local began=${2:-$SECONDS} took
  while [ -z "$(stack_containers)" ] || [ -n "$(stack_unhealthy)" ]; do
    if [ $((SECONDS - began)) -ge "$1" ]; then
      printf 'not healthy after %d s:\n' $((SECONDS - began)) >&2
      stack_unhealthy >&2
      return 1
    fi
    sleep 1
  done
  took=$((SECONDS - began))
  printf '%d containers, all healthy after %d s\n' "$(stack_containers | grep -c '(healthy)')" "$took"
  [ "$took" -le "$1" ]
}
