/** The packet cache answers as the chain does: the same queries through a program with it and through one without. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { decodeMessage } from '../wire/decode.ts'
import type { Message } from '../wire/message.ts'
import { exchange } from '../../test/support/exchange.ts'
import { encodeAsked, mixedCorefile, mixedQuery } from '../../test/support/query-mix.ts'
import { freePort } from '../../test/support/ports.ts'
import { Program } from '../../test/support/program.ts'
import { until } from '../../test/support/until.ts'

const CLUSTER = fileURLToPath(new URL('../../hack/hearth-cluster', import.meta.url))

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
        writeFileSync(join(folder, engine), mixedCorefile(port, metricsPort, loadbalance))
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
      const some = fc.sample(mixedQuery, { numRuns: 250, seed })
      const mix = Array.from({ length: 6 }, (_, round) => some.map((asked, i) => some[(i * 7 + round) % 250] ?? asked)).flat()
      let id = 0
      for (const [i, asked] of mix.entries()) {
        const packet = encodeAsked(asked, ++id & 0xffff)
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
