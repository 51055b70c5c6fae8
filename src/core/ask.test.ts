import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PLUGINS } from '../plugins/index.ts'
import { lines, testServer } from '../../test/support/world.ts'

test('a CNAME that leads to itself ends', async () => {
  const server = await testServer('. {\nerrors\ntemplate IN A {\nanswer "{{ .Name }} 60 IN CNAME x.{{ .Name }}"\n}\n}', { plugins: PLUGINS })
  const reply = await server.ask('a.example. A')
  assert.ok(reply !== undefined)
  assert.ok(lines(reply.answers).length <= 20)
  assert.deepEqual(server.panics, [])
})
