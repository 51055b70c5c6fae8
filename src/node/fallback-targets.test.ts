import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatIp } from '../base/ip.ts'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message } from '../wire/message.ts'
import { parseRecord } from '../wire/record.ts'
import { fallbackTables } from './fallback-tables.ts'
import { describeTargets, findTargets, parseTarget } from './fallback-targets.ts'

const ZONE = [
  '1.0.0.127.in-addr.arpa. 30 IN PTR kube-dns-upstream.kube-system.svc.cluster.test.',
  'kube-dns-upstream-endpoints.kube-system.svc.cluster.test. 30 IN A 10.0.0.1',
  'kube-dns-upstream-endpoints.kube-system.svc.cluster.test. 30 IN A 10.0.0.2',
  'kube-dns-upstream-endpoints.kube-system.svc.cluster.test. 30 IN AAAA fd00::1',
  'others.test. 30 IN A 10.0.0.9',
].map(parseRecord)

/** The cluster's DNS, on a port of its own. */
async function clusterDns(run: (upstream: { address: string; port: number }) => Promise<void>): Promise<void> {
  const socket = createSocket('udp4', (packet, from) => {
    const request = decodeMessage(packet)
    const reply = new Message()
    Object.assign(reply, { id: request.id, qr: true, questions: request.questions })
    reply.answers = ZONE.filter((record) => record.name === request.questions[0]!.name && record.type === request.questions[0]!.type)
    // What is no message, and what nobody asked for, is passed over.
    socket.send(Buffer.of(1, 2, 3), from.port, from.address)
    socket.send(encodeMessage(Object.assign(new Message(), { id: request.id ^ 1, qr: true, questions: request.questions })), from.port, from.address)
    socket.send(encodeMessage(reply), from.port, from.address)
  }).bind(0, '127.0.0.1')
  await once(socket, 'listening')
  try {
    await run({ address: '127.0.0.1', port: socket.address().port })
  } finally {
    socket.close()
  }
}

describe('who answers when no agent does', () => {
  test('the endpoints beside the upstream, by its PTR', () => clusterDns(async (upstream) => {
    const found = await findTargets({ upstream, given: [], upstreamService: 'kube-dns-upstream' }, 'iptables')
    assert.equal(describeTargets(found.targets), '10.0.0.1:53 10.0.0.2:53 [fd00::1]:53')
    assert.equal(found.upstreamAnswers, true)
  }))

  test('what the command line says: addresses, and names that are asked for', () => clusterDns(async (upstream) => {
    const found = await findTargets({ upstream, given: ['others.test', '10.1.1.1:5353', 'nowhere.test'], upstreamService: 'x' }, 'nftables')
    assert.equal(describeTargets(found.targets), '10.0.0.9:53 10.1.1.1:5353')
  }))

  test('in IPVS mode the ClusterIP', () => clusterDns(async (upstream) => {
    const found = await findTargets({ upstream, given: [], upstreamService: 'x' }, 'ipvs')
    assert.equal(describeTargets(found.targets), `127.0.0.1:${upstream.port}`)
  }))

  test('nobody, when there is no upstream', async () => {
    const found = await findTargets({ upstream: undefined, given: [], upstreamService: 'x' }, 'iptables')
    assert.deepEqual([found.targets, found.upstreamAnswers], [[], undefined])
  })

  test('an endpoint is read as it is described', () => {
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }).filter((bytes) => bytes[0] !== 0)), fc.integer({ min: 1, max: 65_535 }), (address, port) => {
      const target = parseTarget(describeTargets([{ address, port }]))!
      assert.deepEqual([formatIp(target.address), target.port], [formatIp(address), port])
    }))
    for (const text of ['', 'name.example', '10.0.0.1:0', '10.0.0.1:70000', '[10.0.0.1', '::1:53x']) assert.equal(parseTarget(text), undefined, text)
    fc.assert(fc.property(fc.string(), (text) => { parseTarget(text) }))
  })

  test('several share the load by chance, each the same part', () => {
    const wishes = { addresses: [Uint8Array.of(169, 254, 20, 10)], port: 53, healthPort: 8080, mark: undefined, probePorts: [] }
    const [table, ...none] = fallbackTables(wishes, [1, 2, 3].map((last) => ({ address: Uint8Array.of(10, 0, 0, last), port: 53 })))
    assert.deepEqual(none, [], 'no table for a family without addresses')
    const moduli = table!.chains[0]!.rules.slice(0, 3).map((rule) => Buffer.concat(rule.expressions).toString('latin1').match(/numgen[\s\S]{20}([\s\S])/)?.[1]?.charCodeAt(0))
    assert.equal(moduli[2], undefined, 'the last one takes all that is left')
    assert.deepEqual(table!.chains.map((chain) => [chain.hook, chain.priority]), [['prerouting', -90], ['output', -90], ['postrouting', 90]])
  })
})
