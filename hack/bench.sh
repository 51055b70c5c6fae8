#!/usr/bin/env bash
# Measures the programs beside unbound, dnsdist and dnsmasq in one run: the server on one core, load and upstream on another. Prints tables
# of CPU time a query (user and system apart), queries per second, latency, loss, memory and garbage collection, and the cluster index at
# scale, from a stand-in for an API server (--only index); one client's cached names while another floods (--only attack); what the programs cost when nobody asks, and their start (--only rest).
#   ./hack/bench.sh [--seconds N] [--rounds N] [--only LOAD] [--peers NAME,NAME] [--write]
# --write puts tables and plot into docs/performance.md. BENCH_COREDNS and BENCH_NODE_CACHE name the binaries of CoreDNS and node-cache,
# to be measured as well. Peers that are not installed are left out, but for unbound, which is the upstream too.
set -eu
source "$(dirname "$(readlink -f "$0")")/set-up.sh"
export PATH=$PATH:/usr/sbin
for tool in dnsperf unbound taskset; do
  command -v $tool >/dev/null || { echo "missing: $tool (Debian's packages dnsperf, unbound and util-linux)" >&2; exit 1; }
done
[ "$(nproc)" -ge 2 ] || { echo "missing: a second core; the load would measure itself" >&2; exit 1; }
cd "$root"
exec "$node" hack/bench/bench.ts "$@"
