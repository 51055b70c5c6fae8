#!/usr/bin/env bash
# Measures both programs beside unbound in one run: the server on one core, load and upstream on another. Prints CPU time per query,
# queries per second, latency and memory, and ratios to unbound; then the cluster index at scale, from a recorded API server.
#   ./hack/bench.sh [--seconds N] [--only TEXT] [--peer "NAME=COMMAND -conf {conf} -dns.port {port}"]
# A peer is a program that reads Corefiles, such as CoreDNS.
set -eu
source "$(dirname "$(readlink -f "$0")")/set-up.sh"
for tool in dnsperf unbound taskset; do
  command -v $tool >/dev/null || PATH=$PATH:/usr/sbin command -v $tool >/dev/null || { echo "missing: $tool (Debian's packages dnsperf, unbound and util-linux)" >&2; exit 1; }
done
[ "$(nproc)" -ge 2 ] || { echo "missing: a second core; the load would measure itself" >&2; exit 1; }
export PATH=$PATH:/usr/sbin
cd "$root"
exec "$node" hack/bench/bench.ts "$@"
