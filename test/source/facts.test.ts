/** Facts that stand in two places. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { NODE_FLAGS } from '../../hack/bench/servers.ts'
import { VERSION } from '../../cmd/version.ts'
import { DIRECTIVE_ORDER } from '../../src/corefile/directives.ts'
import { PLUGINS } from '../../src/plugins/index.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

interface PackageFile {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

describe('facts in two places', () => {
  const manifest = JSON.parse(read('package.json')) as PackageFile

  test('the version', () => {
    assert.equal(VERSION, manifest.version)
  })

  test('plugins run in the order of CoreDNS, and every folder is a plugin', () => {
    const names = PLUGINS.map((plugin) => plugin.name)
    assert.deepEqual(names, [...names].sort((a, b) => DIRECTIVE_ORDER.indexOf(a) - DIRECTIVE_ORDER.indexOf(b)))
    assert.deepEqual([...names].sort(), readdirSync(new URL('../../src/plugins', import.meta.url)).filter((name) => name !== 'index.ts').sort())
  })

  test('every dependency has its reason', () => {
    const reasons = read('docs/dependencies.md')
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })) assert.ok(reasons.includes(`\`${name.replace(/^@types\/.*/, '@types/*')}\``), name)
  })

  test('Node is started with the same flags everywhere', () => {
    for (const [program, page] of [['hearth-node', 'Dockerfile.node'], ['hearth-cluster', 'Dockerfile.cluster']] as const) {
      const [, words] = /ENTRYPOINT \["node", (.+), "\/opt/.exec(read(page)) ?? []
      assert.deepEqual(JSON.parse(`[${words}]`), NODE_FLAGS[program])
      assert.ok(read(page).includes(`node ${NODE_FLAGS[program].join(' ')} /opt`), `${page} compiles with other flags than it runs with`)
      assert.equal(/^flags='(.*)'$/m.exec(read(`hack/${program}`))?.[1], NODE_FLAGS[program].join(' '))
    }
  })

  test('the lock file names no download address', () => {
    assert.doesNotMatch(read('package-lock.json'), /"resolved": "http/)
  })

  test('paths that the documents name exist', () => {
    for (const page of ['README.md', 'docs/architecture.md', 'docs/migration.md', 'docs/operations.md', 'docs/node-state.md', 'docs/sizing.md']) {
      const paths = [...read(page).matchAll(/(?<![\w/.-])((?:src|cmd|hack|test|docs|manifests)\/[\w./-]*\w)/g)].map((match) => match[1]!)
      for (const path of paths) assert.ok(existsSync(new URL(`../../${path}`, import.meta.url)), `${page} names ${path}`)
    }
  })
})
