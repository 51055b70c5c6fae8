import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pluginTable, PLUGINS } from '../plugins/index.ts'
import { testServer } from '../../test/support/world.ts'
import { describeFastPath } from './fast-path.ts'

test('the log says which directive keeps a block from the packet cache', async () => {
  const verdict = async (directives: string) => {
    const server = await testServer(`.:53 {\n${directives}\n}\n`, { plugins: [...pluginTable(PLUGINS).values()], start: false })
    return describeFastPath(server.generation.blocks[0]!)
  }
  assert.equal(await verdict('errors\nprometheus\nbufsize\nloadbalance\ncache\nwhoami'), 'served by the packet cache')
  assert.match(await verdict('errors\nwhoami'), /no cache directive/)
  assert.match(await verdict('log\ncache\nwhoami'), /: log must see/)
  assert.match(await verdict('rewrite name a.example b.example\ncache\nwhoami'), /: rewrite must see/)
  assert.match(await verdict('loadbalance round_robin {\nprefer 10.0.0.0/8\n}\ncache\nwhoami'), /: loadbalance must see/)
})
