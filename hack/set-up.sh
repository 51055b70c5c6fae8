# Sourced by the scripts beside it: leaves `node` as Node 24 from the dev dependencies, installing them first if need be.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
node=$root/node_modules/.bin/node
if [ ! -x "$node" ] || [ "$root/package-lock.json" -nt "$root/node_modules/.package-lock.json" ]; then
  command -v npm >/dev/null || { echo "missing: npm (of Node 20 or later); install Node from your distribution or nodejs.org" >&2; exit 1; }
  (cd "$root" && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error >&2) || { echo "missing: the packages of package-lock.json; npm ci failed, see above" >&2; exit 1; }
fi
