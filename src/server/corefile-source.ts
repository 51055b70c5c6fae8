import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import type { CorefileFiles } from '../corefile/importer.ts'
import { builtinCorefile, parseCorefile } from '../corefile/parser.ts'
import type { Corefile } from '../corefile/tree.ts'

export interface CorefileOptions {
  /** A path, `stdin`, or undefined for ./Corefile if there is one, else the built-in configuration. */
  readonly path: string | undefined
  readonly defaultPort: number
  readonly directives: readonly string[]
}

/** The first lines of an object in YAML; no Corefile has both. */
const MANIFEST = /^apiVersion:\s[^]*^kind:\s|^kind:\s[^]*^apiVersion:\s/m

/** A function that reads and parses the program's Corefile anew at each call. Standard input is read once. */
export function corefileReader(options: CorefileOptions): () => Corefile {
  const stdin = options.path === 'stdin' ? readFileSync(0, 'utf8') : undefined
  return () => {
    if (stdin !== undefined) return parse(stdin, 'stdin', options)
    if (options.path !== undefined) return parse(textOf(options.path) ?? missing(options.path), options.path, options)
    const text = textOf('Corefile')
    return text === undefined ? builtinCorefile(options.defaultPort) : parse(text, 'Corefile', options)
  }
}

function parse(text: string, file: string, options: CorefileOptions): Corefile {
  if (MANIFEST.test(text)) throw new Error(`${file}: this is a manifest of Kubernetes; its Corefile alone is wanted here, as it is mounted from the ConfigMap (the command "check" takes both)`)
  return parseCorefile(text, {
    file,
    defaultPort: options.defaultPort,
    directives: options.directives,
    env: (name) => process.env[name],
    files: systemCorefileFiles,
  })
}

/** What imports read. */
export const systemCorefileFiles: CorefileFiles = {
  read: (path) => readFileSync(path, 'utf8'),
  glob: (pattern) => globSync(pattern).sort(),
  isDirectory: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false,
  resolve: (base, path) => (isAbsolute(path) ? path : resolve(base === '' || base === 'stdin' ? '.' : dirname(base), path)),
}

function missing(path: string): never {
  throw new Error(`${path}: there is no such file; -conf names the Corefile to read`)
}

/** Undefined for a file that does not exist. */
export function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new Error(`${path}: ${code === 'EISDIR' ? 'this is a folder; a file is wanted' : message}`, { cause: error })
  }
}
