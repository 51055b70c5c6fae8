import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { open, rename, unlink } from 'node:fs/promises'

/** A larger file is not read: an index of this size is ten times that of the largest clusters. */
const SIZE_LIMIT_BYTES = 1024 * 1024 * 1024

/** Puts a file with these pieces and their checksum in the place of what was there: wholly or not at all. Rejects with the system's error. */
export async function writeSnapshotFile(path: string, pieces: Iterable<Buffer>): Promise<void> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'w', 0o600)
  try {
    const hash = createHash('sha256')
    for (const piece of pieces) {
      hash.update(piece)
      await file.write(piece)
    }
    await file.write(hash.digest())
    await file.sync()
  } catch (error) {
    await file.close()
    await unlink(temporary)
    throw error
  }
  await file.close()
  await rename(temporary, path)
}

/** Undefined when there is none. Throws the system's error, or Error for a file that is too large. */
export function readSnapshotFile(path: string): Buffer | undefined {
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) return undefined
  if (size > SIZE_LIMIT_BYTES) throw new Error(`${size} octets are more than a snapshot has`)
  return readFileSync(path)
}
