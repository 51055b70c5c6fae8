import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { test } from 'node:test'
import { MemoryLog } from '../base/log.ts'
import { zipkinSpans } from './zipkin-spans.ts'

interface Sent {
  readonly name: string
  readonly traceId: string
  readonly id: string
  readonly parentId?: string
  readonly kind?: string
  readonly timestamp: number
  readonly duration: number
  readonly tags: Record<string, string>
  readonly localEndpoint: { serviceName: string }
}

const options = (port: number) => ({ url: `http://127.0.0.1:${port}/api/v2/spans`, service: 'dns', maxBacklog: 100, maxBatch: 10, batchEveryMs: 20 })

test('a span and those within it come to the collector', async () => {
  const sent: Sent[] = []
  const server = createServer((request, response) => void json(request).then((body) => {
    sent.push(...body as Sent[])
    response.writeHead(202).end()
  }))
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  const sink = await zipkinSpans(new MemoryLog()).open(options((server.address() as AddressInfo).port))
  const start = Date.now()
  const span = sink.begin('servedns', start)
  assert.match(span.traceId, /^[0-9a-f]{32}$/)
  span.end({ endMs: start + 9, attributes: { 'coredns.io/name': 'a.' }, error: 'none answers', children: [{ name: 'forward', startMs: start + 2, endMs: start + 9, attributes: {}, children: [] }] })
  await sink.close()
  server.close()
  server.closeAllConnections()
  const [inner, outer] = sent
  assert.deepEqual([outer!.name, outer!.kind, outer!.traceId, outer!.duration, outer!.tags['coredns.io/name'], outer!.localEndpoint.serviceName], ['servedns', 'SERVER', span.traceId, 9000, 'a.', 'dns'])
  assert.deepEqual([inner!.name, inner!.parentId, inner!.timestamp, inner!.duration], ['forward', outer!.id, (start + 2) * 1000, 7000])
})

test('a collector that is not there costs its spans and a line', async () => {
  const log = new MemoryLog()
  const sink = await zipkinSpans(log).open(options(1))
  sink.begin('servedns', Date.now()).end({ endMs: Date.now(), attributes: {}, children: [] })
  await sink.close()
  assert.equal(log.lines.length, 1, log.lines.join('\n'))
  assert.match(log.lines[0]!, /^\[WARNING\] plugin\/trace: .*ECONNREFUSED/)
})
