#!/usr/bin/env bash
# Shows the main job: a pod asks, hearth-node answers from its cache or asks hearth-cluster. `--once` ends after the tour.
# As root, or where unprivileged user namespaces are allowed, everything happens in network namespaces of its own and the machine's
# own network is not touched; elsewhere, or with `--loopback`, both programs run on loopback ports.
set -eu
source "$(dirname "$(readlink -f "$0")")/set-up.sh"
loopback=
for argument in "$@"; do
  case $argument in
    --once) ;;
    --loopback) loopback=yes ;;
    *) echo "usage: ./hack/run.sh [--once] [--loopback]" >&2; exit 2 ;;
  esac
done
for tool in unshare nsenter setpriv; do
  command -v $tool >/dev/null || { echo "missing: $tool (Debian's package util-linux)" >&2; exit 1; }
done
if [ -n "$loopback" ]; then
  exec "$node" "$root/hack/lab/demo-loopback.ts" "$@"
elif [ "$(id -u)" = 0 ] && unshare --net true 2>/dev/null; then
  exec unshare --net "$node" "$root/hack/lab/demo.ts" "$@"
elif unshare --user --map-root-user --net true 2>/dev/null; then
  HEARTH_DEMO_USERNS=1 exec unshare --user --map-root-user --net "$node" "$root/hack/lab/demo.ts" "$@"
else
  exec "$node" "$root/hack/lab/demo-loopback.ts" "$@"
fi
