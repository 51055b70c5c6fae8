import { createHash } from 'node:crypto'
import type { Token } from './tree.ts'

/** A server block before its keys and directives are interpreted. */
export interface RawBlock {
  readonly keys: readonly Token[]
  /** By directive, each use with all its words and braces, in the order of the file. */
  readonly directives: ReadonlyMap<string, Token[][]>
}

/** SHA-512 over the JSON that CoreDNS hashes (specification 14.1), so that both name a configuration alike. */
export function configurationHash(blocks: readonly RawBlock[], mainFile: string): string {
  const plain = blocks.map((block) => ({
    Keys: block.keys.map((key) => key.text),
    Tokens: Object.fromEntries([...block.directives].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, uses]) => [name, uses.flat().map((token) => ({
      File: token.file === mainFile ? '' : token.file,
      Line: token.line,
      Text: token.written ?? token.text,
    }))])),
  }))
  const json = JSON.stringify(plain).replace(/[<>&\u2028\u2029]/g, (char) => `\\u${char.codePointAt(0)!.toString(16).padStart(4, '0')}`)
  return createHash('sha512').update(json).digest('hex')
}
