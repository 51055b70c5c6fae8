import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MetricsRegistry } from '../admin/metrics.ts'
import { FakeClock } from '../base/fake-clock.ts'
import { decodeMessage } from '../wire/decode.ts'
import { EDE, readExtendedError } from '../wire/edns.ts'
import { Message } from '../wire/message.ts'
import { Admission } from './admission.ts'
import { ClientBuckets } from './client-buckets.ts'
import { refusal, TOO_MUCH } from './refusal.ts'

const random = { float: () => 0.5, int: (limit: number) => Math.floor(limit / 3) }
const GREEDY = { address: '10.0.0.1' }
const MODEST = { address: '10.0.0.2' }

function admission(limit: number): { admission: Admission; clock: FakeClock; metrics: MetricsRegistry } {
  const clock = new FakeClock()
  const metrics = new MetricsRegistry()
  return { admission: new Admission({ queries: limit, connections: 10, streamBytes: 2 ** 20 }, metrics, clock, random), clock, metrics }
}

describe('admission', () => {
  test('lets everybody in while there is room', () => {
    const { admission: gate } = admission(10_000)
    for (let i = 0; i < 5000; i++) assert.equal(gate.enter(GREEDY), 'enter')
    assert.equal(gate.underWay, 5000)
  })

  test('when half of the room is taken, refuses who asks more than a share, then is silent to it, and serves the others', async () => {
    const { admission: gate, metrics } = admission(4000)
    const outcomes = Array.from({ length: 5000 }, () => gate.enter(GREEDY))
    const count = (how: string) => outcomes.filter((outcome) => outcome === how).length
    assert.deepEqual([count('enter'), count('refuse'), count('drop')], [2500, 500, 2000])
    for (let i = 0; i < 400; i++) assert.equal(gate.enter(MODEST), 'enter')
    const text = await metrics.expose()
    assert.match(text, /hearth_queries_shed_total\{how="refused"\} 500/)
    assert.match(text, /hearth_queries_shed_total\{how="dropped"\} 2000/)
  })

  test('a share comes back with time', () => {
    const { admission: gate, clock } = admission(2000)
    for (let i = 0; i < 1500; i++) gate.enter(GREEDY)
    assert.notEqual(gate.enter(GREEDY), 'enter')
    clock.advance(10)
    assert.equal(gate.enter(GREEDY), 'enter')
  })

  test('at the limit everybody is dropped, and leaving makes room', () => {
    const { admission: gate } = admission(8)
    for (let i = 0; i < 8; i++) assert.equal(gate.enter({ address: `10.0.1.${i}` }), 'enter')
    assert.equal(gate.enter(MODEST), 'drop')
    gate.leave()
    assert.equal(gate.enter(MODEST), 'enter')
  })
})

test('a table of buckets has a fixed size, whoever comes', () => {
  const buckets = new ClientBuckets(2, 7)
  for (let i = 0; i < 100_000; i++) buckets.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 0)
  assert.equal(buckets.take('192.0.2.1', 1000), true)
})

test('a refusal says why to those with EDNS, and nothing more to others', () => {
  const request = new Message()
  request.questions = [{ name: 'www.example.org.', type: 1, class: 1 }]
  assert.deepEqual([decodeMessage(refusal(request, TOO_MUCH)).rcode, decodeMessage(refusal(request, TOO_MUCH)).edns], [5, undefined])
  request.edns = { udpSize: 1232, version: 0, do: false, z: 0, options: [] }
  assert.deepEqual(readExtendedError(decodeMessage(refusal(request, TOO_MUCH)).edns!.options[0]!), { code: EDE.PROHIBITED, text: TOO_MUCH })
})
