import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { answer, out, packetFor, SITE, store } from '../../../test/support/packet-desk.ts'
import { PacketMemory, WAYS } from './packet-memory.ts'
import { PacketReader } from './packet-reader.ts'
import { PacketStore } from './packet-store.ts'
import { packetHash } from './packet-hash.ts'
import { QuickQuestion } from '../../core/quick-question.ts'

const KEY = { k0: 0x1234567, k1: -0x7654321 }

function desk(slots: number, key = KEY): { readonly packets: PacketStore; readonly reader: PacketReader; readonly memory: PacketMemory } {
  const memory = new PacketMemory(slots)
  return { packets: new PacketStore(memory, key), reader: new PacketReader(memory, key), memory }
}

describe('the packet cache', () => {
  test('answers what was stored, for its scope only, with TTLs counted down', () => {
    const { packets, reader } = desk(64)
    store(packets, 'a.example.', 2, 7)
    const length = answer(reader, packetFor('A.example.', 4711))
    assert.equal(length, 27 + 2 * 25)
    assert.deepEqual([...out.bytes.subarray(0, 4)], [4711 >> 8, 4711 & 0xff, 0x81, 0])
    assert.equal(out.bytes[13], 0x41, 'letter case is the client\'s')
    assert.equal(out.bytes[27 + 18], 59, 'one second has passed')
    assert.equal(answer(reader, packetFor('a.example.'), 2), 0)
    assert.equal(answer(reader, packetFor('b.example.')), 0)
  })

  test('forgets what is dropped, and only that', () => {
    const { packets, reader } = desk(64)
    const kept = store(packets, 'a.example.', 1, 7)
    store(packets, 'b.example.', 1, 8)
    packets.drop(kept)
    assert.equal(answer(reader, packetFor('a.example.')), 0)
    assert.ok(answer(reader, packetFor('b.example.')) > 0)
    assert.equal(packets.size, 1)
  })

  test('is bounded, and what is asked for stays through a flood of other names', () => {
    const { packets, reader } = desk(256)
    const hot = packetFor('hot.example.')
    const kept = store(packets, 'hot.example.', 1, 9)
    for (let i = 0; i < 20_000; i++) {
      store(packets, `flood${i}.example.`, 1, 1)
      assert.ok(answer(reader, hot) > 0, `gone after ${i}`)
    }
    assert.ok(packets.size <= 256)
    assert.equal(packets.hits(kept), 20_000)
  })

  test('names that collide for one key do not for another, so that nobody can make them', () => {
    const memory = new PacketMemory(256)
    const question = new QuickQuestion()
    const bucket = (key: typeof KEY, name: string) => {
      const packet = packetFor(name)
      question.read(packet.bytes, 0, packet.length)
      return memory.bucket(packetHash(key, 1, question))
    }
    const colliding = Array.from({ length: 20_000 }, (_, i) => `n${i}.example.`).filter((name) => bucket(KEY, name) === 0)
    assert.ok(colliding.length > WAYS * 4)
    for (const key of [{ k0: 1, k1: 2 }, { k0: KEY.k0, k1: 77 }, { k0: 99, k1: KEY.k1 }]) {
      const spread = new Map<number, number>()
      for (const name of colliding) spread.set(bucket(key, name), (spread.get(bucket(key, name)) ?? 0) + 1)
      assert.ok(Math.max(...spread.values()) < colliding.length / 5, JSON.stringify([...spread]))
    }
  })

  test('another group, and other flags, have places of their own', () => {
    const { packets, reader } = desk(64)
    store(packets, 'a.example.', 1, 1)
    store(packets, 'a.example.', 1, 2, { ...SITE, scope: 2 })
    assert.ok(answer(reader, packetFor('a.example.'), 1) > 0)
    assert.equal(out.bytes[answer(reader, packetFor('a.example.'), 2) - 1], 2)
  })

  test('readers never see half of a change, however fast it changes', { timeout: 60_000 }, async () => {
    const names = 40
    const { packets, memory } = desk(32)
    // The word that ends them, then each worker's hits.
    const stop = new Int32Array(new SharedArrayBuffer(12))
    const workers = [0, 1].map((number) => new Worker(new URL('../../../test/support/packet-checker.ts', import.meta.url), { workerData: { memory: memory.buffer, stop, number, names, key: KEY } }))
    const results = workers.map((worker) => once(worker, 'message'))
    // Fewer slots than names: slots change owners all the time, and each owner's reply has another length each time.
    const kept = new Map<number, ReturnType<typeof store>>()
    const [end, latest] = [performance.now() + 3000, performance.now() + 45_000]
    // On a busy machine a worker may hardly have had its turn by then.
    const enough = () => performance.now() > end && (stop.subarray(1).every((hits) => hits > 1000) || performance.now() > latest)
    for (let change = 0; !enough(); change++) {
      const name = (change * 7) % names
      if (change % 3 === 0 && kept.has(name)) packets.drop(kept.get(name)!)
      const octet = name + names * ((change >> 3) % 6)
      kept.set(name, store(packets, `name${name}.example.org.`, 1 + (octet % 5), octet))
      if (change % 64 === 0) await new Promise((resolve) => { setImmediate(resolve) })
    }
    Atomics.store(stop, 0, 1)
    for (const [found] of await Promise.all(results) as [{ hits: number; wrong: string[] }][]) {
      assert.deepEqual(found.wrong, [])
      assert.ok(found.hits > 1000, `${found.hits} hits`)
    }
  })

  test('an answer makes less than one octet of garbage', { timeout: 60_000 }, () => {
    const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
    // A young generation of a known size: its collections count what was made.
    const program = `import { PerformanceObserver } from 'node:perf_hooks'
      import { answer, packetFor, store } from ${url('../../../test/support/packet-desk.ts')}
      import { PacketMemory } from ${url('./packet-memory.ts')}
      import { PacketReader } from ${url('./packet-reader.ts')}
      import { PacketStore } from ${url('./packet-store.ts')}
      const memory = new PacketMemory(8192), key = { k0: 1, k1: 2 }
      const packets = new PacketStore(memory, key), reader = new PacketReader(memory, key)
      const queries = Array.from({ length: 500 }, (_, i) => packetFor('name' + i + '.example.'))
      queries.forEach((_, i) => store(packets, 'name' + i + '.example.', 1 + i % 4, i % 256))
      let hits = 0
      const run = (n) => { for (let i = 0; i < n; i++) if (answer(reader, queries[i % 500]) > 0) hits++ }
      run(200_000)
      let collections = 0
      new PerformanceObserver((list) => { collections += list.getEntries().length }).observe({ entryTypes: ['gc'] })
      const before = process.memoryUsage().heapUsed
      hits = 0
      run(10_000_000)
      const grown = process.memoryUsage().heapUsed - before
      await new Promise((resolve) => setTimeout(resolve, 50))
      console.log(JSON.stringify({ hits, collections, grown }))`
    const { stdout, stderr } = spawnSync(process.execPath, ['--min-semi-space-size=4', '--max-semi-space-size=4', '--input-type=module', '-e', program], { encoding: 'utf8' })
    assert.notEqual(stdout, '', stderr)
    const { hits, collections, grown } = JSON.parse(stdout) as { hits: number; collections: number; grown: number }
    assert.equal(hits, 10_000_000)
    const octets = collections * 4 * 1024 * 1024 + Math.max(0, grown)
    assert.ok(octets / hits < 1, `${octets / hits} octets a hit: ${collections} collections, ${grown} more in use`)
  })
})
