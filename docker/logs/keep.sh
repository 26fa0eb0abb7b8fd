#!/bin/sh
# How long collected logs are kept: keep.sh DIRECTORY [once]. Every hour, unless `once`:
# - the days of a month that is over go into one archive, kept for LOG_ARCHIVE_DAYS (366);
# - a day's file is deleted LOG_KEEP_DAYS (30) after its last line, once it is in its month's archive.
set -eu
directory=$1
days=${LOG_KEEP_DAYS:-30}
archive_days=${LOG_ARCHIVE_DAYS:-366}

keep() {
  cd "$directory"
  mkdir -p archive
  for month in $(find . -maxdepth 1 -name '*-????-??-??.jsonl' | sed -E 's/.*-([0-9]{4}-[0-9]{2})-[0-9]{2}\.jsonl$/\1/' | sort -u); do
    # The same month in an archive already, or still going on.
    if [ "$month" = "$(date +%Y-%m)" ] || [ -e "archive/$month.tar.gz" ]; then continue; fi
    tar -czf archive/.new ./*-"$month"-??.jsonl
    mv archive/.new "archive/$month.tar.gz"
  done
  find . -maxdepth 1 -name '*-????-??-??.jsonl' -mtime "+$days" | while read -r file; do
    month=$(printf '%s' "$file" | sed -E 's/.*-([0-9]{4}-[0-9]{2})-[0-9]{2}\.jsonl$/\1/')
    [ ! -e "archive/$month.tar.gz" ] || rm -f "$file"
  done
  touch .kept
  find archive -name '*.tar.gz' -mtime "+$archive_days" -delete
}

keep
[ "${2:-}" = once ] || while :; do
  sleep 3600 &
  wait $!
  keep
done
