import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DROP } from '../../core/plugin.ts'
import { scripted, testServer } from '../../../test/support/world.ts'
import { dns64Plugin } from './index.ts'

test('what a stage below drops gets no reply', async () => {
  const server = await testServer('. {\ndns64 {\nallow_ipv4\n}\nwhoami\n}', { plugins: [dns64Plugin, scripted(() => DROP)] })
  for (const type of ['AAAA', 'A']) assert.equal(await server.ask(`a. ${type}`), undefined, type)
  await server.stop()
})
