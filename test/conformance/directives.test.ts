import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { corefileReader } from '../../src/server/corefile-source.ts'
import { ConfigError } from '../../src/corefile/error.ts'
import { Generation } from '../../src/server/generation.ts'
import { openSystemWorld } from '../../src/server/world.ts'
import { PLUGINS, pluginTable } from '../../src/plugins/index.ts'

/** What CoreDNS 1.14.7 says to every option of every directive, good and bad: it starts, or refuses and names a line. */
interface Recorded {
  readonly directives: Readonly<Record<string, { readonly starts: readonly string[]; readonly refused: readonly (readonly [string, number?])[] }>>
  /** Text → why we decide otherwise. */
  readonly deviations: Readonly<Record<string, string>>
}

const recorded = JSON.parse(readFileSync(new URL('directives.json', import.meta.url), 'utf8')) as Recorded
/** Files that the texts name. */
const FILES = {
  h: '1.2.3.4 a b\n', w: 'a.org\n1.2.3.4 10\n1.2.3.5 20\n', bad: 'a.org\n1.2.3.4 x\n', rc: 'search a.org b.org\nnameserver 127.0.0.1\n',
  rcgood: 'nameserver 127.0.0.1\nnameserver 127.0.0.2\n', rcempty: 'search a.org\n',
  rcmany: Array.from({ length: 19 }, (_, i) => `nameserver 127.0.0.${i + 1}\n`).join(''),
}

describe('what CoreDNS starts with and what it refuses', () => {
  const world = openSystemWorld({ sink: () => undefined, exit: () => assert.fail('ends the process'), engine: { choice: 'dgram', libc: { unavailable: 'not wanted' }, workers: 1 } })
  const table = pluginTable(PLUGINS)
  const directives = PLUGINS.map((plugin) => plugin.name)
  const home = process.cwd()
  let folder = ''

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-directives-'))
    for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content)
    process.chdir(folder)
  })
  after(() => {
    process.chdir(home)
    rmSync(folder, { recursive: true, force: true })
  })

  /** The error's line, 0 for one without a place; undefined when it would start. */
  function refusedAt(text: string): number | undefined {
    writeFileSync('Corefile', `a.org {\n${text}\n}\n`)
    try {
      world.keepsakes.begin()
      void new Generation(corefileReader({ path: 'Corefile', defaultPort: 5353, directives })(), table, world, world.group)
      return undefined
    } catch (error) {
      assert.ok(error instanceof ConfigError, `${text}: ${String(error)}`)
      return error.line ?? 0
    }
  }

  for (const [name, { starts, refused }] of Object.entries(recorded.directives)) {
    test(name, () => {
      for (const text of starts) if (recorded.deviations[text] === undefined) assert.equal(refusedAt(text), undefined, `${text} starts`)
      for (const [text, line] of refused) {
        if (recorded.deviations[text] !== undefined) continue
        const at = refusedAt(text)
        assert.notEqual(at, undefined, `${text} is refused`)
        if (line !== undefined) assert.equal(at, line, `the line of ${text}`)
      }
    })
  }

  test('deviations are of texts that are recorded', () => {
    const all = new Set(Object.values(recorded.directives).flatMap(({ starts, refused }) => [...starts, ...refused.map(([text]) => text)]))
    for (const text of Object.keys(recorded.deviations)) assert.ok(all.has(text), text)
  })
})
