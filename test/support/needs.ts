import { spawnSync } from 'node:child_process'

/** Why a test cannot run here, for `{ skip }`; false when it can. CI fails when anything is skipped. */
export function lacks(what: { readonly root?: boolean; readonly commands?: readonly string[] }): string | false {
  if (what.root === true && process.getuid?.() !== 0) return 'needs root'
  const missing = (what.commands ?? []).filter((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0)
  return missing.length === 0 ? false : `needs ${missing.join(', ')}`
}
