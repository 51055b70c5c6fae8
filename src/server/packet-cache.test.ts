/** The packet cache answers as the chain does: the same queries through a program with it and through one without. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { EDNS } from '../wire/edns.ts'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message } from '../wire/message.ts'
import { exchange } from '../../test/support/exchange.ts'
import { freePort } from '../../test/support/ports.ts'
import { Program } from '../../test/support/program.ts'
import { until } from '../../test/support/until.ts'

const CLUSTER = fileURLToPath(new URL('../../hack/hearth-cluster', import.meta.url))

/** Small and large answers, aliases, denials with and without SOA, failures, nothing at all. */
const corefile = (port: number, metrics: number, loadbalance: string) => `example.org:${port} sub.example.org:${port} {
  bind 127.0.0.1 ::1
  errors
  prometheus 127.0.0.1:${metrics}
  bufsize 1400
  ${loadbalance}
  cache 3600
  template IN A example.org {
    match ^many
    fallthrough
    answer ${Array.from({ length: 9 }, (_, i) => `"{{ .Name }} 300 IN A 192.0.2.${i}"`).join(' ')}
  }
  template IN A example.org {
    match ^alias
    fallthrough
    answer "{{ .Name }} 60 IN CNAME target.example.org." "target.example.org. 90 IN A 192.0.2.77"
  }
  template IN TXT example.org {
    match ^long
    fallthrough
    answer ${Array.from({ length: 5 }, () => `"{{ .Name }} 300 IN TXT ${'y'.repeat(200)}"`).join(' ')}
  }
  template IN MX example.org {
    match ^mail
    fallthrough
    answer "{{ .Name }} 300 IN MX 1 a.example.org." "{{ .Name }} 300 IN MX 2 b.example.org."
    additional "a.example.org. 300 IN A 192.0.2.1" "b.example.org. 300 IN AAAA ::1"
  }
  template IN ANY example.org {
    match ^fails
    fallthrough
    rcode SERVFAIL
  }
  template IN ANY example.org {
    match ^no
    fallthrough
    rcode NXDOMAIN
    authority "example.org. 120 IN SOA ns.example.org. root.example.org. 1 2 3 4 60"
  }
  template IN ANY example.org {
    rcode NOERROR
    authority "example.org. 120 IN SOA ns.example.org. root.example.org. 1 2 3 4 60"
  }
}
`

const option = fc.record({
  code: fc.constantFrom<number>(EDNS.COOKIE, EDNS.COOKIE, EDNS.NSID, EDNS.PADDING, EDNS.TCP_KEEPALIVE, EDNS.SUBNET, 65_001),
  data: fc.constantFrom(new Uint8Array(0), new Uint8Array(8).fill(7)),
}).map((one) => (one.code === EDNS.SUBNET ? { code: one.code, data: Uint8Array.of(0, 1, 24, 0, 10, 1, 2) } : one.code === EDNS.TCP_KEEPALIVE ? { code: one.code, data: new Uint8Array(0) } : one))
const query = fc.record({
  name: fc.tuple(fc.constantFrom('many', 'alias', 'long', 'mail', 'fails', 'no', 'other'), fc.nat(1), fc.constantFrom('.example.org.', '.sub.example.org.', '.elsewhere.'))
    .map(([kind, number, zone]) => `${kind}${number}${zone}`),
  upper: fc.boolean(),
  type: fc.constantFrom(1, 1, 1, 28, 15, 16, 43, 255),
  rd: fc.boolean(), ad: fc.boolean(), cd: fc.constantFrom(false, false, true),
  edns: fc.option(fc.record({
    udpSize: fc.constantFrom(0, 512, 700, 1232, 4096), do: fc.boolean(), version: fc.constantFrom(0, 0, 0, 0, 1), z: fc.constantFrom(0, 0, 0, 1),
    options: fc.array(option, { maxLength: 2 }),
  }), { nil: undefined }),
})
type Asked = typeof query extends fc.Arbitrary<infer T> ? T : never

function encode(asked: Asked, id: number): Uint8Array {
  const { name, upper, type, rd, ad, cd, edns } = asked
  return encodeMessage(Object.assign(new Message(), { id, rd, ad, cd, edns, questions: [{ name: upper ? name.toUpperCase() : name, type, class: 1 }] }))
}

/** Everything of a reply but id and TTLs; addresses as a set where their order is a matter of chance. */
function essence(reply: Buffer, ordered: boolean): string {
  const message = decodeMessage(reply)
  const lines = (records: Message['answers']) => {
    const texts = records.map((record) => `${record.name} ${record.type} ${record.class} ${Buffer.from(record.rdata).toString('hex')}`)
    return ordered ? texts : texts.sort()
  }
  return JSON.stringify({ ...message, id: 0, answers: lines(message.answers), authorities: lines(message.authorities), additionals: lines(message.additionals), length: reply.length })
}

function ttls(reply: Buffer): number[] {
  const message = decodeMessage(reply)
  return [...message.answers, ...message.authorities, ...message.additionals].map((record) => record.ttl)
}

for (const [name, loadbalance, seed] of [['in the order stored', '', 1], ['under round robin', 'loadbalance', 2]] as const) {
  describe(`a program with a packet cache and one without, ${name}`, () => {
    let folder: string
    const programs: Program[] = []
    const ports: number[] = []
    const metrics: number[] = []
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), 'hearth-packets-'))
      for (const engine of ['mmsg', 'dgram']) {
        const [port, metricsPort] = [await freePort(), await freePort()]
        writeFileSync(join(folder, engine), corefile(port, metricsPort, loadbalance))
        programs.push(Program.start(`${CLUSTER} -conf ${folder}/${engine} -engine ${engine}`))
        ports.push(port)
        metrics.push(metricsPort)
      }
      await until(() => programs.every((program) => / ready /.test(program.output)), 20_000)
    })
    after(async () => {
      for (const program of programs) await program.stop()
      rmSync(folder, { recursive: true, force: true })
    })
    const counter = async (which: number, pattern: RegExp) => {
      const text = await (await fetch(`http://127.0.0.1:${metrics[which]}/metrics`)).text()
      return text.split('\n').filter((line) => pattern.test(line)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
    }

    test('a large random mix is answered alike, and counted alike', async () => {
      // Each asked again and again, in another order each time.
      const some = fc.sample(query, { numRuns: 250, seed })
      const mix = Array.from({ length: 6 }, (_, round) => some.map((asked, i) => some[(i * 7 + round) % 250] ?? asked)).flat()
      let id = 0
      for (const [i, asked] of mix.entries()) {
        const packet = encode(asked, ++id & 0xffff)
        const host = i % 4 === 0 ? '::1' : '127.0.0.1'
        const [fast, plain] = await Promise.all(ports.map(async (port) => (await exchange([packet], { host, port, waitMs: 10_000 })).replies[0]))
        assert.ok(fast !== undefined && plain !== undefined, JSON.stringify(asked))
        assert.equal(essence(fast, loadbalance === ''), essence(plain, loadbalance === ''), JSON.stringify(asked))
        const [a, b] = [ttls(fast), ttls(plain)]
        a.forEach((ttl, k) => assert.ok(Math.abs(ttl - b[k]!) <= 2, `TTL ${ttl} and ${b[k]}`))
        assert.equal(fast.readUInt16BE(), id & 0xffff)
      }
      const hits = await counter(0, /^hearth_packet_cache_hits_total/)
      assert.ok(hits > 100, `${hits} of ${mix.length} came from the packet cache`)
      for (const series of [/^coredns_dns_requests_total/, /^coredns_dns_responses_total.*NXDOMAIN/, /^coredns_dns_responses_total.*plugin="cache"/, /^coredns_dns_do_requests_total/, /^coredns_cache_requests_total/,
        /^coredns_cache_hits_total.*success/, /^coredns_cache_hits_total.*denial/, /^coredns_cache_misses_total/, /^coredns_dns_request_duration_seconds_count/,
        /^coredns_dns_request_size_bytes_sum/, /^coredns_dns_request_size_bytes_bucket/, /^coredns_dns_response_size_bytes_sum/, /^coredns_dns_response_size_bytes_bucket/]) {
        assert.equal(await counter(0, series), await counter(1, series), String(series))
      }
    })
  })
}
