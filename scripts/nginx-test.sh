#!/usr/bin/env bash
# `nginx -t` on nginx.conf, with the nginx of this machine and a certificate made for the occasion; no container needed.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
mkdir "$directory/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
  -keyout "$directory/tls/tls.key" -out "$directory/tls/tls.crt" 2>/dev/null
cp nginx.conf "$directory/nginx.conf"
PATH=$PATH:/usr/sbin nginx -t -c "$directory/nginx.conf"
