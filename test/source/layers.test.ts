import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Folder of src → folders that it may import. docs/architecture.md gives the reasons. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  base: [],
  native: ['base'],
  wire: ['base'],
  corefile: ['base', 'wire'],
  netlink: ['base', 'native'],
  core: ['base', 'wire', 'corefile'],
  upstream: ['base', 'wire', 'core'],
  cluster: ['base', 'wire', 'corefile', 'core'],
  admin: ['base', 'wire', 'core'],
  plugins: ['base', 'wire', 'corefile', 'core', 'upstream', 'cluster'],
  server: ['base', 'native', 'wire', 'corefile', 'core', 'upstream', 'admin'],
  node: ['base', 'native', 'wire', 'core', 'netlink', 'server'],
  client: ['base', 'wire'],
  check: ['base', 'wire', 'corefile', 'core', 'plugins', 'admin', 'server'],
}

/** Folders that touch the machine; the rest takes time, chance and the process from its callers. */
const EDGE = new Set(['client', 'server', 'admin', 'node', 'netlink', 'native'])
/** The real clock is the one place that may, and credentials come from the pod's environment. */
const AT_THE_EDGE_TOO = new Set(['src/base/clock.ts', 'src/base/fake-clock.ts', 'src/cluster/source/kubeconfig.ts'])
/** Without `node:` modules: these run anywhere. */
const PURE = new Set(['base', 'wire', 'core', 'plugins'])

interface Source {
  readonly path: string
  readonly folder: string
  readonly text: string
  readonly imports: readonly string[]
}

const sources: readonly Source[] = globSync('src/**/*.ts', { cwd: ROOT }).filter((path) => !path.endsWith('.test.ts')).sort().map((path) => {
  const text = readFileSync(join(ROOT, path), 'utf8')
  return { path, folder: path.split('/')[1]!, text, imports: [...text.matchAll(/^(?:import|export) [^'"]*?from '([^']+)'|^\} from '([^']+)'|^import '([^']+)'/gm)].map((match) => match[1] ?? match[2] ?? match[3]!) }
})

function each(check: (source: Source) => string[]): void {
  assert.deepEqual(sources.flatMap((source) => check(source).map((what) => `${source.path}: ${what}`)), [])
}

describe('the layers of src', () => {
  test('the test sees the sources and their imports', () => {
    assert.ok(sources.length > 100)
    assert.ok(sources.flatMap((source) => source.imports).length > 500)
  })

  test('every folder has its place', () => {
    assert.deepEqual([...new Set(sources.map((source) => source.folder))].sort(), Object.keys(BELOW).sort())
  })

  test('imports only point down', () => {
    each(({ path, folder, imports }) => imports.filter((name) => name.startsWith('.')).flatMap((name) => {
      const target = normalize(join(dirname(path), name)).split('/')
      if (target[0] !== 'src') return [`imports ${name}, outside of src`]
      return target[1] === folder || BELOW[folder]!.includes(target[1]!) ? [] : [`imports ${name}`]
    }))
  })

  test('a plugin imports no other plugin', () => {
    each(({ path, folder, imports }) => (folder !== 'plugins' || path === 'src/plugins/index.ts' ? [] : imports.filter((name) => {
      const target = normalize(join(dirname(path), name)).split('/')
      return name.startsWith('.') && target[1] === 'plugins' && target[2] !== path.split('/')[2]
    })))
  })

  test('pure folders import no module of Node', () => {
    each(({ folder, imports }) => (PURE.has(folder) ? imports.filter((name) => name.startsWith('node:')) : []))
  })

  test('time, chance and the process are taken from the edge', () => {
    const forbidden = /\b(?:Date\.now|setTimeout|setInterval|setImmediate|Math\.random|process\.\w+|console\.\w+)\b/g
    each(({ path, folder, text }) => (EDGE.has(folder) || AT_THE_EDGE_TOO.has(path) ? [] : (text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*|#process\b/g, '').match(forbidden) ?? [])))
  })

  test('no two files of src are the same module under two names', () => {
    assert.equal(new Set(sources.map((source) => source.text)).size, sources.length)
  })
})
