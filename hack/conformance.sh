#!/usr/bin/env bash
# Replays answers, refusals and log lines recorded from CoreDNS 1.14.7 and prints how many agree. Arguments: --only TEXT, --jobs N,
# --server "COMMAND -conf {conf} -dns.port {port}" for another program. With HEARTH_TEST_APISERVER=BINARY (a real API server that takes
# -state, -listen, -kubeconfig, -dns-kubeconfig, -etcd-client and -etcd-peer) the kubernetes cases are played from it.
set -eu
source "$(dirname "$(readlink -f "$0")")/set-up.sh"
if [ -n "${HEARTH_TEST_APISERVER:-}" ]; then
  [ -x "$HEARTH_TEST_APISERVER" ] || { echo "missing: $HEARTH_TEST_APISERVER, which HEARTH_TEST_APISERVER names" >&2; exit 1; }
  set -- --apiserver "$HEARTH_TEST_APISERVER" "$@"
fi
exec "$node" "$root/test/conformance/run.ts" "$@"
