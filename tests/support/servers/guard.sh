#!/bin/sh
# Outlives its owner by a moment: when the owner is gone, however it went (end of our standard input), it kills the process
# groups and deletes the directories that the owner had named and not taken back.
#   + GROUP   - GROUP   d DIRECTORY   k DIRECTORY (it is kept)
trap '' INT TERM HUP
groups=' ' directories=''
while read -r verb what; do
  case $verb in
    +) groups="$groups$what " ;;
    -) groups=$(printf '%s' "$groups" | sed "s/ $what / /") ;;
    d) directories="$directories$what
" ;;
    k) directories=$(printf '%s' "$directories" | grep -vxF "$what" | sed 's/$//')
      [ -z "$directories" ] || directories="$directories
" ;;
  esac
done
for group in $groups; do kill -9 -- "-$group" 2>/dev/null; done
[ "$groups" = ' ' ] || sleep 1 # children that follow their parent
printf '%s' "$directories" | while read -r directory; do rm -rf "$directory"; done
