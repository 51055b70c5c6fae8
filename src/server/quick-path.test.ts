/** The quick way answers as the ordinary one, to the octet, and makes little garbage. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { pluginTable, PLUGINS } from '../plugins/index.ts'
import { encodeAsked, mixedCorefile, mixedQuery } from '../../test/support/query-mix.ts'
import { testServer } from '../../test/support/world.ts'
import { DONE } from '../core/plugin.ts'
import { acceptPacket } from './accept.ts'
import { peerOf } from './peer.ts'
import { answerQuickly, quickReply } from './quick-path.ts'

const CLIENT = peerOf('10.0.0.1', 40_000)

describe('the quick way', () => {
  for (const loadbalance of ['', 'loadbalance']) {
    test(`gives the octets of the ordinary way${loadbalance === '' ? '' : ', but for the order of addresses'}`, async () => {
      const server = await testServer(mixedCorefile(53, 9153, loadbalance), { plugins: [...pluginTable(PLUGINS).values()], random: [0.1, 0.9, 0.4, 0.6, 0.2] })
      const groups = server.generation.wanted.map((want) => want.group)
      let quick = 0
      let id = 0
      const mix = fc.sample(mixedQuery, { numRuns: 300, seed: 3 })
      for (const asked of [...mix, ...mix, ...mix]) {
        server.clock.advance(700)
        for (const protocol of ['udp', 'tcp'] as const) {
          for (const group of groups) {
            const packet = encodeAsked(asked, ++id & 0xffff)
            const startMs = server.clock.nowMs()
            // The quick way first: it has no effect unless it answers.
            const fast = answerQuickly(group, packet, 0, packet.length, protocol, CLIENT, startMs) === DONE ? quickReply.bytes.slice(0, quickReply.length) : undefined
            const accepted = acceptPacket(packet)
            if (accepted.kind !== 'query') continue
            const plain = await group.answer(accepted.request, { client: CLIENT, local: CLIENT, protocol, server: group, sizeBytes: packet.length, startMs })
            if (fast === undefined) continue
            quick++
            assert.deepEqual(shape(fast, loadbalance), shape(plain!, loadbalance), JSON.stringify(asked))
          }
        }
      }
      assert.ok(quick > 500, `${quick} went the quick way`)
      await server.stop()
    })
  }

  test('an answer from the cache makes less than 300 octets of garbage', { timeout: 60_000 }, () => {
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
    // A young generation of a known size: its collections count what was made.
    const program = `import { PerformanceObserver } from 'node:perf_hooks'
      import { pluginTable, PLUGINS } from ${url('../plugins/index.ts')}
      import { encodeAsked } from ${url('../../test/support/query-mix.ts')}
      import { testServer } from ${url('../../test/support/world.ts')}
      import { peerOf } from ${url('./peer.ts')}
      import { acceptPacket } from ${url('./accept.ts')}
      import { answerQuickly } from ${url('./quick-path.ts')}
      const server = await testServer('. {\\nerrors\\nprometheus\\nloadbalance\\ncache 3600\\ntemplate IN A {\\nanswer "{{ .Name }} 3600 IN A 192.0.2.1"\\n}\\n}', { plugins: [...pluginTable(PLUGINS).values()] })
      const group = server.generation.wanted[0].group, client = peerOf('10.0.0.1', 40000)
      const packets = Array.from({ length: 500 }, (_, i) => encodeAsked({ name: 'name' + i + '.example.org.', type: 1, rd: true }, i))
      for (const packet of packets) group.answer(acceptPacket(packet).request, { client, local: client, protocol: 'udp', server: group, sizeBytes: packet.length, startMs: 0 })
      let hits = 0
      const run = (n) => { for (let i = 0; i < n; i++) if (answerQuickly(group, packets[i % 500], 0, packets[i % 500].length, 'udp', client, 0) === 1) hits++ }
      run(50_000)
      let collections = 0
      new PerformanceObserver((list) => { collections += list.getEntries().length }).observe({ entryTypes: ['gc'] })
      const before = process.memoryUsage().heapUsed
      hits = 0
      run(1_000_000)
      const grown = process.memoryUsage().heapUsed - before
      await new Promise((resolve) => setTimeout(resolve, 50))
      console.log(JSON.stringify({ hits, collections, grown }))
      process.exit()`
    const { stdout, stderr } = spawnSync(process.execPath, ['--min-semi-space-size=4', '--max-semi-space-size=4', '--input-type=module', '-e', program], { encoding: 'utf8' })
    assert.notEqual(stdout, '', stderr)
    const { hits, collections, grown } = JSON.parse(stdout) as { hits: number; collections: number; grown: number }
    assert.equal(hits, 1_000_000)
    const octets = (collections * 4 * 1024 * 1024 + Math.max(0, grown)) / hits
    assert.ok(octets < 300, `${octets} octets a hit`)
  })
})

/** With round robin both ways draw from the same row of numbers, each at its own place in it: the set of octets is what must agree. */
function shape(reply: Uint8Array, loadbalance: string): readonly number[] {
  const octets = [...reply]
  return loadbalance === '' ? octets : octets.sort((a, b) => a - b)
}
