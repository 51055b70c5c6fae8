#!/usr/bin/env bash
# Sets up and runs every test; the last line counts them: "N passed, N failed, N skipped". Arguments are test files to run instead.
set -eu
source "$(dirname "$(readlink -f "$0")")/set-up.sh"
cd "$root"
export PATH="$root/node_modules/.bin:$PATH"
if [ $# = 0 ]; then
  echo "type check and lint"
  tsc --noEmit
  oxlint --quiet cmd src hack test
fi
exec "$node" hack/test.ts "$@"
