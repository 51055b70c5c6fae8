import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testServer } from '../../../test/support/world.ts'
import type { Plugin, Stage } from '../../core/plugin.ts'
import { readyPlugin } from './index.ts'

test('the verbose answer tells of each plugin, and what it says besides', async () => {
  const state = { ready: false, detail: undefined as string | undefined }
  const stage: Stage = { name: 'whoami', query: () => 0, ready: () => state.ready, readyDetail: () => state.detail }
  const plugin: Plugin = { name: 'whoami', parse: () => ({ build: () => stage }) }
  const server = await testServer('. {\nready\nwhoami\n}\n', { plugins: [readyPlugin, plugin] })
  const get = (query: string) => server.http.get(':8181 /ready')!({ method: 'GET', path: '/ready', query, headers: {} })
  assert.deepEqual(await get('verbose'), { status: 503, body: 'whoami' })
  state.ready = true
  assert.deepEqual(await get(''), { status: 200, body: 'OK' })
  assert.deepEqual(await get('verbose'), { status: 200, body: 'whoami: ready\n' })
  state.detail = 'old answers'
  assert.deepEqual(await get('verbose'), { status: 200, body: 'whoami: ready; old answers\n' })
  await server.stop()
})
