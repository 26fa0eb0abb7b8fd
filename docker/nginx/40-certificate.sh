#!/bin/sh
# The certificate of nginx: the one in TLS_DIR (tls.crt with its chain, and tls.key) where there is one, else a self-signed
# one, made once and kept in the volume.
set -eu
given=/etc/nginx/given
own=/etc/nginx/tls
# For another month, and for the name that is asked for now. (-checkhost says what it found, and ends with 0 either way.)
still_good() {
  openssl x509 -checkend 2592000 -noout -in "$own/tls.crt" >/dev/null &&
    openssl x509 -checkhost "$TLS_NAME" -noout -in "$own/tls.crt" | grep -q ' does match '
}
if [ -s "$given/tls.crt" ] && [ -s "$given/tls.key" ]; then
  cp "$given/tls.crt" "$given/tls.key" "$own/"
  rm -f "$own/self-signed"
elif [ ! -s "$own/tls.crt" ] || { [ -e "$own/self-signed" ] && ! still_good; }; then
  # The name is among the alternative ones, where it may be as long as names are; openssl speaks on its way, and matters where it fails.
  said=$(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 397 -subj /CN=signalbox \
    -addext "subjectAltName=DNS:$TLS_NAME,DNS:localhost,IP:127.0.0.1" -keyout "$own/tls.key" -out "$own/tls.crt" 2>&1) ||
    { echo "$said" >&2 && exit 1; }
  touch "$own/self-signed"
  echo "nginx: no certificate in TLS_DIR, so a self-signed one for $TLS_NAME"
fi
chmod 600 "$own/tls.key"
