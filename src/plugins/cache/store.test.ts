import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteBudget } from '../../core/byte-budget.ts'
import { NO_PACKET_CACHE, type Kept } from '../../core/quick.ts'
import { QuickQuestion } from '../../core/quick-question.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { Message } from '../../wire/message.ts'
import { Entry } from './entry.ts'
import { Loan } from './loan.ts'
import { cachePlugin } from './index.ts'
import { cacheKey, quickKey, Store } from './store.ts'
import { testServer } from '../../../test/support/world.ts'

function entryOf(name: string, key = name): Entry {
  const message = new Message()
  message.questions = [{ name, type: 1, class: 1 }]
  message.answers = [{ name, type: 1, class: 1, ttl: 60, rdata: Uint8Array.of(192, 0, 2, 1) }]
  const octets = encodeMessage(message)
  return new Entry(key, octets, octets.length, 60, 0, false, true)
}

const OPTIONS = { keepTtl: false, prefetch: { amount: 0, windowMs: 0, percentage: 10 } } as never

test('what the packet cache answers with survives a flood of other names, and goes when it is asked for no longer', () => {
  const hits = new Map<Kept, number>()
  const dropped = new Set<Kept>()
  const store = new Store(100, { ...NO_PACKET_CACHE, hits: (kept) => hits.get(kept) ?? 0, drop: (kept) => void dropped.add(kept) }, new ByteBudget(Infinity))
  const hot = entryOf('hot.example.', 'hot')
  hot.loan = new Loan(hot, OPTIONS)
  store.set(hot)
  for (let i = 0; i < 10_000; i++) {
    hits.set(hot.loan, i)
    store.set(entryOf(`flood${i}.example.`, `flood${i}`))
  }
  assert.equal(store.peek('hot'), hot)
  for (let i = 0; i < 300; i++) store.set(entryOf(`more${i}.example.`, `more${i}`))
  assert.equal(store.peek('hot'), undefined)
  assert.ok(dropped.has(hot.loan))
})

test('what was asked for again keeps four fifths of the room from names that nobody asks for again, and the new of those are still kept', () => {
  const store = new Store(100, NO_PACKET_CACHE, new ByteBudget(Infinity))
  const name = (kind: string, i: number) => `${kind}${1000 + i}`
  for (let i = 0; i < 50; i++) store.set(entryOf('asked.example.', name('asked', i)))
  for (let i = 0; i < 50; i++) store.get(name('asked', i))
  for (let i = 0; i < 5000; i++) store.set(entryOf('flood.example.', name('flood', i)))
  const kept = () => Array.from({ length: 50 }, (_, i) => store.peek(name('asked', i))).filter((entry) => entry !== undefined).length
  assert.equal(kept(), 50)
  // The reply that renews one is kept as the one before was.
  store.set(entryOf('asked.example.', name('asked', 0)))
  for (let i = 0; i < 5000; i++) store.set(entryOf('flood.example.', name('more', i)))
  assert.equal(kept(), 50)
  // When more are asked for again than there is room, the oldest of them go, and a new name can still become one of them.
  for (let i = 0; i < 200; i++) {
    store.set(entryOf('later.example.', name('later', i)))
    assert.notEqual(store.get(name('later', i)), undefined)
  }
  assert.equal(kept(), 0)
  assert.equal(store.size, 100)
  for (let i = 0; i < 1000; i++) store.set(entryOf('other.example.', name('other', i)))
  assert.ok(Array.from({ length: 10 }, (_, i) => store.peek(name('other', 990 + i))).every((entry) => entry !== undefined))
  assert.deepEqual([...store.entries()].map((entry) => entry.proven).lastIndexOf(true) + 1, [...store.entries()].filter((entry) => entry.proven).length)
})

test('a key from octets is the key from a message', () => {
  const label = fc.string({ unit: fc.constantFrom(...'abXY-_09\\@.'), minLength: 1, maxLength: 8 })
  fc.assert(fc.property(fc.array(label, { maxLength: 4 }), fc.nat(65_535), fc.boolean(), fc.boolean(), (labels, type, secure, cd) => {
    const name = labels.length === 0 ? '.' : `${labels.map((text) => text.replace(/[\\@.]/g, (char) => `\\${char}`)).join('.')}.`
    const edns = { udpSize: 1232, version: 0, do: secure, z: 0, options: [] }
    const message = Object.assign(new Message(), { cd, edns, questions: [{ name, type, class: 1 }] })
    const packet = encodeMessage(message)
    const question = new QuickQuestion()
    assert.ok(question.read(packet, 0, packet.length))
    assert.equal(quickKey(question), /\\/.test(name) ? undefined : cacheKey(message))
  }))
})

test('the plugin has a quick way, and workers keep what it answers', async () => {
  const server = await testServer('. {\n cache\n}\n', { plugins: [cachePlugin] })
  assert.equal(server.generation.stages[0]!.quick?.byWorkers?.keeps, true)
})

test('stores that share a budget stay within it together, and the one with most gives way', () => {
  const budget = new ByteBudget(100 * entryOf('n10.example.').sizeBytes)
  const [one, two] = [new Store(10_000, NO_PACKET_CACHE, budget), new Store(10_000, NO_PACKET_CACHE, budget)]
  for (let i = 0; i < 500; i++) one.set(entryOf(`n${i}.example.`, `k${i}`))
  assert.ok(one.bytes <= budget.limit && one.size > 80, `${one.size}`)
  for (let i = 0; i < 30; i++) two.set(entryOf(`n${i}.example.`, `k${i}`))
  assert.equal(two.size, 30)
  assert.ok(one.bytes + two.bytes <= budget.limit)
  assert.ok(one.get('k499') !== undefined && one.get('k0') === undefined)
  assert.ok(one.evicted > 400)
})
