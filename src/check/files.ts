import { basename } from 'node:path'
import type { CorefileFiles } from '../corefile/importer.ts'

/** Imports see the other keys of the ConfigMaps as files beside the Corefile, as they are once mounted; then the disk. */
export function withMounted(files: CorefileFiles, mounted: ReadonlyMap<string, string>): CorefileFiles {
  if (mounted.size === 0) return files
  return {
    ...files,
    read: (path) => mounted.get(basename(path)) ?? files.read(path),
    glob(pattern) {
      const match = globExpression(basename(pattern))
      const found = [...mounted.keys()].filter((key) => match.test(key)).sort()
      return found.length > 0 ? found : files.glob(pattern)
    },
    isDirectory: (path) => !mounted.has(basename(path)) && files.isDirectory(path),
  }
}

/** The one wildcard that imports may have. */
function globExpression(pattern: string): RegExp {
  const [before, after] = pattern.split('*')
  return new RegExp(`^${escape(before!)}${after === undefined ? '' : `.*${escape(after)}`}$`)
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
