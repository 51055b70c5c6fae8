import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIp } from '../../base/ip.ts'
import { QuickQuestion } from '../../core/quick-question.ts'
import { encodeSocketAddress } from '../../native/socket-address.ts'
import { encodeAsked } from '../../../test/support/query-mix.ts'
import { HitSamples } from './hit-samples.ts'

/** The two sides of one memory. */
function sides(): { readonly worker: HitSamples; readonly main: HitSamples } {
  const main = new HitSamples()
  return { main, worker: new HitSamples(main.buffer) }
}

function hit(worker: HitSamples, name: string, client: string, rcode = 0): void {
  const question = new QuickQuestion()
  const packet = encodeAsked({ name, type: 1, upper: false, rd: true, ad: false, cd: false, edns: undefined }, 1)
  assert.ok(question.read(packet, 0, packet.length))
  const words = new Int32Array(9)
  new Uint8Array(words.buffer).set(encodeSocketAddress(parseIp(client)!, 5353), 8)
  worker.hit(question, rcode, words, 2)
}

function take(main: HitSamples): string[] {
  const told: string[] = []
  main.take((name, client, rcode, hits) => { told.push(`${name} ${client} ${rcode} ${hits}`) })
  return told
}

describe('samples of what packet workers answer', () => {
  test('few hits are all told of, once, a look after the worker has left them', () => {
    const { worker, main } = sides()
    worker.follow()
    hit(worker, 'A.example.', '10.244.1.5')
    hit(worker, `${'x'.repeat(63)}.`.repeat(3) + 'example.', 'fd00::1', 3)
    assert.deepEqual(take(main), [])
    worker.follow()
    hit(worker, 'later.example.', '10.244.1.6')
    assert.deepEqual(take(main), ['a.example. 10.244.1.5 0 1', `${'x'.repeat(63)}.`.repeat(3) + 'example. fd00::1 3 1'])
    worker.follow()
    assert.deepEqual(take(main), ['later.example. 10.244.1.6 0 1'])
    assert.deepEqual(take(main), [])
  })

  test('a worker without queries leaves nothing behind for a second time', () => {
    const { worker, main } = sides()
    worker.follow()
    hit(worker, 'a.example.', '10.0.0.1')
    take(main)
    assert.equal(take(main).length, 1)
    for (let look = 0; look < 4; look++) assert.deepEqual(take(main), [])
    worker.follow()
    hit(worker, 'b.example.', '10.0.0.1')
    take(main)
    assert.deepEqual(take(main), ['b.example. 10.0.0.1 0 1'])
  })

  test('IPv4 mapped into IPv6 is IPv4', () => {
    const { worker, main } = sides()
    worker.follow()
    hit(worker, 'a.example.', '::ffff:10.0.0.9')
    take(main)
    assert.deepEqual(take(main), ['a.example. 10.0.0.9 0 1'])
  })

  test('of many hits 128 stand for all, and each had the same chance', () => {
    const { worker, main } = sides()
    const thirds = [0, 0, 0]
    for (let round = 0; round < 60; round++) {
      worker.follow()
      for (let i = 0; i < 1500; i++) hit(worker, `third${Math.floor(i / 500)}.example.`, '10.0.0.1')
      take(main)
      const told = take(main)
      assert.equal(told.length, 128)
      assert.equal(told.reduce((sum, line) => sum + Number(line.split(' ')[3]), 0), 1500)
      for (const line of told) thirds[Number(line[5])]!++
    }
    // 2,560 each are expected, with a standard deviation of 41.
    for (const third of thirds) assert.ok(third > 2300 && third < 2820, String(thirds))
  })
})
