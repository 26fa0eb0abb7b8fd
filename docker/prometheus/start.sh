#!/bin/sh
# Starts Prometheus with METRICS_TOKEN from the environment in the file that prometheus.yml names: .env stays the only place
# where it is written. Without one the file is empty, and APIs and workers answer as they answer anyone of their network.
set -eu
umask 077
printf '%s' "${METRICS_TOKEN:-}" >/etc/prometheus/prometheus/metrics-token
unset METRICS_TOKEN
exec /bin/prometheus "$@"
