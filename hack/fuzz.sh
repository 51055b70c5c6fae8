#!/usr/bin/env bash
# Runs the fuzz targets of test/fuzz: ./hack/fuzz.sh [SECONDS [TARGET]]. Ends at the first input on which a parser misbehaves.
set -eu
source "$(dirname "$(readlink -f "$0")")/set-up.sh"
exec "$node" "$root/test/fuzz/run.ts" "$@"
