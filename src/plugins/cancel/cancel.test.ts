import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DONE } from '../../core/plugin.ts'
import { scripted, testServer } from '../../../test/support/world.ts'
import { cancelPlugin } from './index.ts'

test('the last use counts, and the time begins when the query gets there', async () => {
  const ends: number[] = []
  const answer = scripted((q) => {
    ends.push(q.cancelAtMs)
    q.begin()
    return DONE
  })
  const server = await testServer('. {\n cancel 2s\n cancel 1s\n whoami\n}', { plugins: [cancelPlugin, answer] })
  const now = server.clock.nowMs()
  await server.ask('a. A')
  server.clock.advance(500)
  await server.ask('a. A')
  assert.deepEqual(ends, [now + 1000, now + 1500])
})
