/** Questions that have to go to an upstream are answered from octets as they are on the ordinary way, to the octet. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Protocol } from '../core/query.ts'
import { DONE } from '../core/plugin.ts'
import { LATER } from '../core/quick.ts'
import { pluginTable, PLUGINS } from '../plugins/index.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message, type ResourceRecord } from '../wire/message.ts'
import { parseRecord } from '../wire/record.ts'
import { encodeAsked, mixedQuery, type Asked as Query } from '../../test/support/query-mix.ts'
import { ScriptedUpstream, type Asked } from '../../test/support/scripted-upstream.ts'
import { testServer, type TestServer } from '../../test/support/world.ts'
import { acceptPacket } from './accept.ts'
import type { Group } from './group.ts'
import { Parked } from './parked.ts'
import { peerOf } from './peer.ts'
import { answerQuickly, quickReply } from './quick-path.ts'

const CLIENT = peerOf('10.0.0.1', 40_000)
const LOCAL = peerOf('10.0.0.53', 53)

class Waits extends Parked {
  readonly client = CLIENT
  readonly local = LOCAL
  readonly protocol: Protocol
  readonly #over: (reply: Uint8Array | undefined) => void
  #reply: Uint8Array | undefined
  /** The ordinary way had to take over. */
  inFull = false

  constructor(protocol: Protocol, over: (reply: Uint8Array | undefined) => void) {
    super()
    this.protocol = protocol
    this.#over = over
  }

  protected override send(reply: Uint8Array, length: number): void {
    this.#reply = reply.slice(0, length)
  }

  protected override leave(): void {
    this.#over(this.#reply)
  }

  protected override lastingClient() {
    this.inFull = true
    return this.client
  }
}

const counts = { waited: 0, inFull: 0 }

async function quickly(server: TestServer, group: Group, packet: Uint8Array, protocol: Protocol): Promise<Uint8Array | undefined> {
  const startMs = server.clock.nowMs()
  const outcome = answerQuickly(group, packet, 0, packet.length, protocol, CLIENT, startMs)
  if (outcome === DONE) return quickReply.bytes.slice(0, quickReply.length)
  if (outcome !== LATER) return plainly(server, group, packet, protocol)
  counts.waited++
  return new Promise((resolve) => {
    const waits = new Waits(protocol, (reply) => {
      if (waits.inFull) counts.inFull++
      resolve(reply)
    })
    waits.park(packet, 0, packet.length, group, startMs)
  })
}

async function plainly(server: TestServer, group: Group, packet: Uint8Array, protocol: Protocol): Promise<Uint8Array | undefined> {
  const accepted = acceptPacket(packet)
  if (accepted.kind !== 'query') return undefined
  return group.answer(accepted.request, { client: CLIENT, local: LOCAL, protocol, server: group, sizeBytes: packet.length, startMs: server.clock.nowMs() })
}

const OTHERS = [
  'elsewhere.example. 0 IN A 192.0.2.9', 'example.org. 120 IN SOA ns.example.org. root.example.org. 1 2 3 4 60', 'example.org. 4000 IN NS ns.example.org.', 'ns.example.org. 60 IN AAAA 2001:db8::1', 'example.org. 60 IN MX 10 mail.example.org.',
  '_x._tcp.example.org. 60 IN SRV 1 2 3 ns.example.org.', 'example.org. 60 IN TXT "some text"', 'example.org. 60 IN CAA 0 issue "ca.example"', 'example.org. 60 IN TYPE65280 \\# 1 01', 'example.org. 60 CH TXT "other class"',
  'example.org. 3600 IN RRSIG A 8 2 3600 20300101000000 20200101000000 12345 example.org. c2ln',
].map((line) => parseRecord(line))
const SOA = OTHERS[1]!
const others = fc.array(fc.constantFrom(...OTHERS), { maxLength: 2 })

/** What the upstream says to one name: mostly the common, now and then what it should not. */
const script = fc.record({
  rcode: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 2, 5, 16), aliases: fc.constantFrom(0, 0, 0, 1, 2), addresses: fc.constantFrom(0, 1, 1, 2, 30, 90), soa: fc.boolean(),
  others: fc.tuple(others, others, others), some: fc.constantFrom(false, false, false, true),
  flags: fc.record({ aa: fc.boolean(), ra: fc.boolean(), ad: fc.boolean(), tc: rarely(true, false), z: rarely(true, false) }),
  flipped: rarely(true, false), upper: rarely(true, false), compress: fc.boolean(), ttl: fc.constantFrom(0, 3, 30, 3600),
  edns: fc.constantFrom<'mirror' | 'none' | 'flags' | 'options'>('mirror', 'mirror', 'mirror', 'none', 'flags', 'options'), cut: fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 3),
})
type Script = typeof script extends fc.Arbitrary<infer T> ? T : never

function rarely<T>(seldom: T, often: T): fc.Arbitrary<T> {
  return fc.constantFrom(...Array.from({ length: 15 }, () => often), seldom)
}

function answer({ query, send }: Asked, say: Script): void {
  const asked = query.questions[0]!
  const reply = Object.assign(new Message(), { id: query.id, qr: true, rd: query.rd !== say.flipped, cd: query.cd, rcode: say.rcode & 0xf, ...say.flags })
  reply.questions = [say.upper ? { ...asked, name: asked.name.toUpperCase() } : asked]
  const names = [reply.questions[0]!.name, ...Array.from({ length: say.aliases }, (_, i) => `alias${i}.${i === 0 ? 'example.org.' : 'other.example.'}`)]
  const record = (name: string, text: string): ResourceRecord => ({ ...parseRecord(`${name} ${say.ttl} IN ${text}`) })
  reply.answers = [
    ...say.some ? say.others[0] : [],
    ...names.slice(1).map((target, i) => record(names[i]!, `CNAME ${target}`)),
    ...asked.type === 1 ? Array.from({ length: say.addresses }, (_, i) => record(names.at(-1)!, `A 192.0.2.${i}`)) : [],
  ]
  reply.authorities = [...say.soa ? [SOA] : [], ...say.some ? say.others[1] : []]
  reply.additionals = say.some ? say.others[2] : []
  if (query.edns !== undefined || say.rcode > 15) {
    const mirrored = query.edns ?? { udpSize: 1232, version: 0, do: false, z: 0, options: [] }
    if (say.edns === 'mirror') reply.edns = mirrored
    if (say.edns === 'flags') reply.edns = { ...mirrored, do: true, options: [] }
    if (say.edns === 'options') reply.edns = { ...mirrored, options: [{ code: 15, data: Uint8Array.of(0, 3, 0x68, 0x69) }] }
    if (reply.edns !== undefined) reply.rcode = say.rcode
  }
  const octets = encodeMessage(reply, { compress: say.compress })
  // A cut question would be no answer at all, and waited past.
  send(octets.subarray(0, octets.length - (reply.answers.length > 0 ? say.cut : 0)))
}

const forward = (to: string) => `forward . ${to} {\nhedge 0s\nmax_fails 0\n}`
const SETTINGS: readonly (readonly [string, (to: string) => string])[] = [
  ['with a cache', (to) => `errors\nprometheus\nbufsize 1400\ncache 3600\nloop\n${forward(to)}`],
  ['with a cache that leaves out denials, in turns', (to) => `errors\nprometheus\nloadbalance\ncache 20 {\ndisable denial no.example.org\nprefetch 2\nservfail 0s\n}\n${forward(to)}`],
  ['without a cache', (to) => `errors\nprometheus\n${forward(to)}`],
  ['over TCP alone', (to) => `errors\nprometheus\ncache\nforward . ${to} {\nforce_tcp\nhedge 0s\nmax_fails 0\nexcept sub.example.org\n}`],
  ['with a second forward', (to) => `errors\nprometheus\ncache\nforward . ${to} {\nnext NXDOMAIN\nnext_on_nodata\nhedge 0s\nmax_fails 0\n}\nforward example.org ${to} {\nhedge 0s\nmax_fails 0\n}`],
]

describe('an answer that waits for an upstream', () => {
  for (const [name, settings] of SETTINGS) {
    test(`${name} has the octets, questions, numbers and log lines of the ordinary way`, async (context) => {
      const scripts = fc.sample(script, { numRuns: 97, seed: 11 })
      const upstream = await ScriptedUpstream.open((asked) => {
        const { name: qname, type } = asked.query.questions[0]!
        answer(asked, scripts[[...`${qname.toLowerCase()}${type}`].reduce((sum, char) => (sum * 31 + char.codePointAt(0)!) % 10_007, 7) % scripts.length]!)
      })
      const open = () => testServer(`. {\n${settings(upstream.address)}\n}`, { plugins: [...pluginTable(PLUGINS).values()], random: [0.1, 0.9, 0.4, 0.6, 0.2] })
      const [fast, plain] = [await open(), await open()]
      context.after(async () => {
        await fast.stop()
        await plain.stop()
        upstream.close()
      })
      Object.assign(counts, { waited: 0, inFull: 0 })
      let id = 0
      const queries = fc.sample(mixedQuery, { numRuns: 250, seed: 5 }).map((asked, i): Query => ({ ...asked, name: i % 3 === 0 ? `u${i}.${asked.name}` : asked.name }))
      for (const asked of [...queries, ...queries.toReversed()]) {
        for (const protocol of ['udp', 'tcp'] as const) {
          const packet = encodeAsked(asked, ++id & 0xffff)
          const questions = async (server: TestServer, ask: typeof quickly) => {
            const before = upstream.asked.length
            server.clock.advance(700)
            const reply = await ask(server, server.generation.wanted[0]!.group, packet, protocol)
            return { reply: shape(reply, name), asked: upstream.asked.slice(before).map((each) => [each.protocol, JSON.stringify({ ...each.query, id: 0 })]) }
          }
          assert.deepEqual(await questions(fast, quickly), await questions(plain, plainly), JSON.stringify(asked))
        }
      }
      assert.ok(counts.waited > 100 && counts.waited - counts.inFull > 25 && counts.inFull > 10, JSON.stringify(counts))
      // An rcode that needs an OPT, for who has none: the same on both ways.
      assert.deepEqual(fast.panics.map(String), plain.panics.map(String))
      assert.deepEqual(fast.log.lines, plain.log.lines)
      assert.deepEqual(numbers(await fast.metrics.expose()), numbers(await plain.metrics.expose()))
    })
  }
})

/** With round robin both ways draw from the same row of numbers, each at its own place in it: the set of octets is what must agree. */
function shape(reply: Uint8Array | undefined, name: string): readonly number[] | undefined {
  return name.includes('in turns') ? reply && [...reply].sort((a, b) => a - b) : reply && [...reply]
}

/** What is counted, times and connections aside. Series stand in the order of their first event. */
function numbers(text: string): string[] {
  return text.split('\n').filter((line) => /^coredns_(dns|cache|forward|proxy)_.*(_total|_count|_size_bytes_sum|entries)\b/.test(line) && !line.includes('conn_cache')).sort()
}
