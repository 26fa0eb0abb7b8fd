#!/bin/sh
# Outlives its owner by a moment: when the owner is gone, however it went (end of our standard input), it kills the process
# groups, removes the containers and deletes the directories that the owner had named and not taken back.
#   + GROUP  - GROUP (has ended)   c CONTAINER  r CONTAINER (is removed)   d DIRECTORY  k DIRECTORY (is deleted)
trap '' INT TERM HUP
groups=' ' containers=' ' directories=''
without() { printf '%s' "$1" | sed "s/ $2 / /"; }
while read -r verb what; do
  case $verb in
    +) groups="$groups$what " ;;
    -) groups=$(without "$groups" "$what") ;;
    c) containers="$containers$what " ;;
    r) containers=$(without "$containers" "$what") ;;
    d) directories="$directories$what
" ;;
    k) directories="$(printf '%s' "$directories" | grep -vxF -e "$what")
" ;;
  esac
done
for group in $groups; do kill -9 "-$group" 2>/dev/null; done # no --: dash has none
for container in $containers; do docker rm -f -v "$container" >/dev/null 2>&1; done
[ "$groups" = ' ' ] || sleep 1 # children that follow their parent
printf '%s' "$directories" | while read -r directory; do [ -z "$directory" ] || rm -rf "$directory"; done
