# Sourced by scripts/setup.sh, with scripts/lib/stack.sh.

# The named volumes of the compose project in this directory, on one line; nothing where no engine answers.
volumes_of_project() {
  command -v docker >/dev/null || return 0
  { docker volume ls -q --filter "label=com.docker.compose.project=$(stack_project)" 2>/dev/null || true; } | paste -sd ' ' -
}
