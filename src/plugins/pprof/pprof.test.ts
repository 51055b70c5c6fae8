import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testServer } from '../../../test/support/world.ts'
import { pprofPlugin } from './index.ts'

const ask = async (queries: readonly string[]) => {
  const server = await testServer('. {\n pprof\n}', { plugins: [pprofPlugin] })
  const handle = server.http.get('localhost:6053 /debug/pprof/profile')!
  const replies = await Promise.all(queries.map((query) => handle({ method: 'GET', path: '/debug/pprof/profile', query, headers: {} })))
  return replies.map((reply) => `${reply.status} ${reply.body.trim()}`)
}

test('seconds are a number from 1 to 300', async () => {
  assert.deepEqual(await ask(['seconds=5']), ['200 {"profile":"of 5000 ms of a test"}'])
  for (const query of ['seconds=0', 'seconds=301', 'seconds=x', 'seconds=', 'seconds=-1', 'seconds=1e9']) assert.match((await ask([query]))[0]!, /^400 /, query)
})

test('one profile at a time', async () => {
  assert.deepEqual((await ask(['seconds=1', 'seconds=1'])).map((reply) => reply.slice(0, 3)), ['200', '503'])
  assert.deepEqual((await ask(['seconds=1'])).map((reply) => reply.slice(0, 3)), ['200'])
})
