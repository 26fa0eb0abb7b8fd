# For scripts that handle the compose stack; to be sourced from the root of the project.

# Compose 2 where the engine has it, else 1.29: what works with one works with the other.
compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"
  else COMPOSE_DOCKER_CLI_BUILD=1 DOCKER_BUILDKIT=1 docker-compose "$@"; fi
}

stack_project() {
  local name=${COMPOSE_PROJECT_NAME:-$(basename "$PWD")}
  printf '%s' "${name,,}" | tr -cd 'a-z0-9_-'
}

# Every container of the stack, a line each: name, state, status with health.
stack_containers() {
  docker ps -a --filter "label=com.docker.compose.project=$(stack_project)" --format '{{.Names}}\t{{.State}}\t{{.Status}}'
}

# What is not as it is to be: running and healthy, or, of the one-shot services, ended with 0.
stack_unhealthy() {
  stack_containers | awk -F'\t' '$3 !~ /\(healthy\)/ && $3 !~ /^Exited \(0\)/'
}

# stack_wait SECONDS: until all is healthy. Says how long it took, or what is not.
stack_wait() {
  local began=$SECONDS
  while [ -z "$(stack_containers)" ] || [ -n "$(stack_unhealthy)" ]; do
    if [ $((SECONDS - began)) -ge "$1" ]; then
      printf 'not healthy after %d s:\n' "$1" >&2
      stack_unhealthy >&2
      return 1
    fi
    sleep 1
  done
  printf '%d containers, all healthy after %d s\n' "$(stack_containers | grep -c '(healthy)')" $((SECONDS - began))
}
