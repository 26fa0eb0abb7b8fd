#!/usr/bin/env bash
# Waits until every container of the stack is healthy: bash scripts/wait-healthy.sh [SECONDS, default 60]. Exit 1: it is not.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/stack.sh
stack_wait "${1:-60}"
