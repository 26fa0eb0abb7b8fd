#!/bin/bash
# Starts the image's own entrypoint with the key by which members of the replica set know each other: made of the root
# password, so that every member that is given the same one has it.
set -euo pipefail
umask 077
# After a restart it is there, another user's: a kernel may forbid even root to write it in a shared directory.
rm -f /tmp/replica-set.key
printf 'replica-set:%s' "$MONGO_INITDB_ROOT_PASSWORD" | sha256sum | cut -c1-64 >/tmp/replica-set.key
chmod 400 /tmp/replica-set.key
chown mongodb:mongodb /tmp/replica-set.key
exec docker-entrypoint.sh "$@"
