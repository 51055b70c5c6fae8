import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testServer } from '../../test/support/world.ts'
import type { Arrival } from '../core/query.ts'
import { decodeMessage } from '../wire/decode.ts'
import { Message } from '../wire/message.ts'
import { RCODE } from '../wire/codes.ts'
import { prometheusPlugin } from '../plugins/prometheus/index.ts'
import { whoamiPlugin } from '../plugins/whoami/index.ts'

/** The rcode of a question at each port. */
async function rcodes(corefile: string, name: string): Promise<Record<number, number>> {
  const server = await testServer(corefile, { plugins: [whoamiPlugin] })
  const peer = { address: '10.0.0.1', port: 40_000, family: 1 } as const
  const found: Record<number, number> = {}
  for (const { port, group } of server.generation.wanted) {
    const request = new Message()
    request.questions = [{ name, type: 1, class: 1 }]
    const arrival: Arrival = { client: peer, local: peer, protocol: 'udp', server: group, sizeBytes: 0, startMs: 0 }
    found[port] = decodeMessage((await group.answer(request, arrival))!).rcode
  }
  await server.stop()
  return found
}

test('a block with keys at several ports answers each of its zones where the key says', async () => {
  const corefile = 'a.example:1053 b.example:1054 {\n whoami\n}\n'
  assert.deepEqual(await rcodes(corefile, 'x.a.example.'), { 1053: RCODE.NOERROR, 1054: RCODE.REFUSED })
  assert.deepEqual(await rcodes(corefile, 'x.b.example.'), { 1053: RCODE.REFUSED, 1054: RCODE.NOERROR })
})

test('what is enabled is told of a block\'s first key', async () => {
  const server = await testServer('a.example:1053 b.example:1054 {\n prometheus localhost:9153\n whoami\n}\n', { plugins: [prometheusPlugin, whoamiPlugin] })
  const enabled = (await server.metrics.expose()).split('\n').filter((line) => line.startsWith('coredns_plugin_enabled{'))
  assert.deepEqual(enabled.map((line) => [/server="([^"]*)"/.exec(line)?.[1], /zone="([^"]*)"/.exec(line)?.[1]]), [['dns://:1053', 'a.example.'], ['dns://:1053', 'a.example.']])
  await server.stop()
})

test('a longer zone that a block has elsewhere hides no shorter one', async () => {
  const corefile = '.:1053 a.example:1054 {\n whoami\n}\na.example:1053 {\n}\n.:1054 {\n}\n'
  assert.deepEqual(await rcodes(corefile, 'x.a.example.'), { 1053: RCODE.REFUSED, 1054: RCODE.NOERROR })
  assert.deepEqual(await rcodes(corefile, 'x.'), { 1053: RCODE.NOERROR, 1054: RCODE.REFUSED })
})
