#!/bin/sh
# Starts Redis with its password from the environment: among the arguments every list of processes would show it.
set -eu
umask 077
printf 'requirepass %s\nport 6379\n' "$REDIS_PASSWORD" >/tmp/redis.conf
exec redis-server /tmp/redis.conf --dir /data --protected-mode no "$@"
