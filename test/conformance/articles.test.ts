import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'node:test'
import { corefileReader } from '../../src/server/corefile-source.ts'
import { Generation } from '../../src/server/generation.ts'
import { openSystemWorld } from '../../src/server/world.ts'
import { PLUGINS, pluginTable } from '../../src/plugins/index.ts'

const FOLDER = fileURLToPath(new URL('articles/', import.meta.url))

/** Corefiles as kubeadm, cloud providers, charts and articles show them: each is taken as it is pasted. */
describe('Corefiles as people have them', () => {
  const world = openSystemWorld({ sink: () => undefined, exit: () => assert.fail('ends the process'), engine: { choice: 'dgram', libc: { unavailable: 'not wanted' }, workers: 1 } })
  const table = pluginTable(PLUGINS)
  const directives = PLUGINS.map((plugin) => plugin.name)

  for (const name of readdirSync(FOLDER)) {
    test(name, () => {
      world.keepsakes.begin()
      const corefile = corefileReader({ path: `${FOLDER}${name}`, defaultPort: 53, directives })()
      const generation = new Generation(corefile, table, world, world.group)
      assert.ok(generation.blocks.length > 0)
      assert.ok(generation.blocks.every((block) => block.stages.length > 0))
    })
  }
})
