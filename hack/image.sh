#!/usr/bin/env bash
# Builds both images with buildah, without a registry: `image.sh [FOLDER]` leaves in FOLDER (dist/images) for each program an OCI archive
# and, beside it, its bill of materials. As root, or where buildah may work without.
set -eu
source "$(dirname "$(readlink -f "$0")")/set-up.sh"
for tool in buildah busybox:busybox-static ldd:libc-bin dpkg-query:dpkg; do
  command -v "${tool%%:*}" >/dev/null || { echo "missing: ${tool%%:*} (Debian's package ${tool##*:})" >&2; exit 1; }
done
exec "$node" "$root/hack/image/image.ts" "$@"
