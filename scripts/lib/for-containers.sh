# For scripts/setup.sh, to be sourced from the root of the project: what containers read must be for them to read.
#
# They run as users of their own and see files with the modes of this checkout; after a `git clone` under umask 027 or 077 those are for
# its owner, and containers end with "permission denied". What of these is secret (tls/, alertmanager/production/) is left as it is.

# What compose mounts, and what Dockerfiles copy into images.
read_by_containers=(.npmrc bin docker grafana nginx.conf package-lock.json package.json prometheus.yml prometheus/alerts scripts/build.mjs src)

# unreadable_for_containers FIND-ACTION…: does this with each that others cannot read, or enter.
unreadable_for_containers() {
  local path there=()
  for path in "${read_by_containers[@]}"; do [ ! -e "$path" ] || there+=("$path"); done
  find "${there[@]}" \( -path docker/alertmanager/production -o -path docker/tls \) -prune \
    -o \( -type d ! -perm -005 -o -type f ! -perm -004 \) "$@"
}

readable_for_containers() {
  local many
  many=$(unreadable_for_containers -print | wc -l)
  [ "$many" -gt 0 ] || return 0
  unreadable_for_containers -exec chmod go+rX {} + \
    || refuse "containers cannot read all that is theirs, and it belongs to somebody else, who must: chmod -R go+rX ${read_by_containers[*]}"
  printf 'setup: opened for containers what a narrow umask had closed: %d files and directories (chmod go+rX)\n' "$many"
}
