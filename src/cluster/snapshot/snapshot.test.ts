import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import fc from 'fast-check'
import { MetricsRegistry } from '../../admin/metrics.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { MemoryLog } from '../../base/log.ts'
import { Slices } from '../../base/slices.ts'
import { ApiServerStandIn, type ApiObject } from '../../../test/support/api-server/index.ts'
import { arbitraryObject } from '../../../test/support/cluster-objects.ts'
import { until } from '../../../test/support/until.ts'
import { ClusterIndex } from '../index.ts'
import type { Kind } from '../objects.ts'
import { openSource } from '../source/open.ts'
import type { Source, SourceChoice, Wanted } from '../source/source.ts'
import { decodeSnapshot, encodeSnapshot, sha256 } from './format.ts'

const KEY = 'a cluster'

function fileOf(index: ClusterIndex, key = KEY): Buffer {
  const body = Buffer.concat([...encodeSnapshot(index, key, 1_767_225_600_000)])
  return Buffer.concat([body, sha256(body)])
}

const sorted = (objects: Iterable<unknown>) => [...objects].map((object) => JSON.stringify(object, Object.keys(object as object).sort())).sort()

describe('the format', () => {
  test('an index comes back as it was', () => {
    fc.assert(fc.property(fc.array(arbitraryObject(), { maxLength: 30 }), (objects) => {
      const index = new ClusterIndex(new FakeClock())
      for (const object of objects) index.put(object)
      const snapshot = decodeSnapshot(fileOf(index), KEY)
      assert.ok(typeof snapshot !== 'string')
      assert.equal(snapshot.writtenMs, 1_767_225_600_000)
      const again = new ClusterIndex(new FakeClock())
      again.restore(snapshot.objects)
      assert.deepEqual(sorted(again.objects()), sorted(index.objects()))
    }))
  })

  test('damage anywhere is seen, even under a checksum that fits', () => {
    const index = new ClusterIndex(new FakeClock())
    for (const object of fc.sample(arbitraryObject(), { numRuns: 20, seed: 1 })) index.put(object)
    const sound = fileOf(index)
    fc.assert(fc.property(fc.nat(sound.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean(), (at, change, resigned) => {
      const damaged = Buffer.from(sound)
      damaged[at]! ^= change
      if (resigned) sha256(damaged.subarray(0, -32)).copy(damaged, damaged.length - 32)
      const snapshot = decodeSnapshot(damaged, KEY)
      // With a new checksum it may be a snapshot of something else, but never a throw.
      assert.ok(resigned || typeof snapshot === 'string')
    }))
    for (let length = 0; length < sound.length; length += 7) assert.equal(typeof decodeSnapshot(sound.subarray(0, length), KEY), 'string')
  })

  test('a snapshot of something else is not used', () => {
    assert.equal(decodeSnapshot(fileOf(new ClusterIndex(new FakeClock()), 'another'), KEY), 'it is of another source or selection')
  })
})

test('what a list has told is newer than a snapshot, and what it does not name goes', async () => {
  const index = new ClusterIndex(new FakeClock())
  const service = (name: string, ip: string) => ({ kind: 'Service', namespace: 'shop', name, type: 'ClusterIP', clusterIps: [ip], externalName: '', ports: [], externalIps: [], hasSelector: false }) as const
  index.startList('Service')
  index.put(service('cart', '10.96.0.2'))
  index.restore([service('cart', '10.96.0.1'), service('old', '10.96.0.9')])
  assert.equal(index.service('shop', 'cart')?.clusterIps[0], '10.96.0.2')
  assert.equal(index.servicesOf('10.96.0.9').length, 1)
  await index.finishList('Service', new Slices(new FakeClock(), 1))
  assert.deepEqual([index.service('shop', 'cart')?.clusterIps[0], index.service('shop', 'old'), index.servicesOf('10.96.0.9').length], ['10.96.0.2', undefined, 0])
})

describe('a source with a snapshot', () => {
  let folder: string
  let path: string
  let server: ApiServerStandIn
  let source: Source | undefined
  let index: ClusterIndex
  let log: MemoryLog
  let metrics: MetricsRegistry
  let clock: FakeClock

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-snapshot-'))
    path = join(folder, 'index')
    server = await ApiServerStandIn.open()
    server.apply({ kind: 'Namespace', metadata: { name: 'shop' } })
    server.apply(service('cart', '10.96.0.1'))
  })

  afterEach(async () => {
    await source?.stop()
    await server.close()
    rmSync(folder, { recursive: true })
  })

  function service(name: string, ip: string): ApiObject {
    return { kind: 'Service', metadata: { name, namespace: 'shop' }, spec: { clusterIP: ip, ports: [{ port: 80 }] } }
  }

  async function start(url = server.url, kinds: readonly Kind[] = ['Namespace', 'Service']): Promise<void> {
    const choice: SourceChoice = { kind: 'endpoint', url, tls: undefined }
    const wanted: Wanted = { kinds, labels: undefined, namespaceLabels: undefined }
    clock = new FakeClock()
    index = new ClusterIndex(clock)
    log = new MemoryLog()
    metrics = new MetricsRegistry()
    source = openSource(choice, wanted, { clock, log, metrics, random: { float: () => 0.5, int: () => 0 } }, path)
    await source.start(index)
  }

  /** Time passes until it holds. */
  const within = (holds: () => boolean) => until(() => {
    clock.advance(50)
    return holds()
  })
  const has = (name: string) => index.service('shop', name) !== undefined
  const written = () => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
  const gauge = async (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(await metrics.expose())![1])

  /** A file of the present objects. */
  async function record(): Promise<void> {
    await start()
    await within(() => written() > 0 && source!.synced)
    await source!.stop()
  }

  test('an API server that is down at the start, and comes back', async () => {
    await record()
    server.fail(503, { times: 1000 })
    await start()
    await within(() => source!.synced)
    assert.ok(has('cart'))
    assert.ok(log.lines.some((line) => line.startsWith('[WARNING] the API server does not answer: serving 2 objects from the snapshot of 2026-')), log.lines.join('\n'))
    assert.equal(await gauge('hearth_kubernetes_snapshot_served'), 1)
    assert.notEqual(source!.staleSinceMs, undefined)
    // While it was away one Service came and another stayed: the one that stayed never goes missing.
    server.apply(service('web', '10.96.0.2'))
    server.recover()
    await within(() => {
      assert.ok(has('cart'))
      return source!.staleSinceMs === undefined
    })
    assert.ok(has('cart') && has('web'))
    assert.equal(await gauge('hearth_kubernetes_snapshot_served'), 0)
    assert.ok(log.lines.includes('[INFO] the API server has told everything: the snapshot is no longer served'))
  })

  test('changes are written, at most every half minute, and what went is not in it', async () => {
    await start()
    await within(() => written() > 0)
    const first = readFileSync(path)
    server.remove('Service', 'shop', 'cart')
    server.apply(service('web', '10.96.0.2'))
    await within(() => has('web') && !has('cart'))
    assert.deepEqual(readFileSync(path), first)
    clock.advance(30_000)
    await within(() => !readFileSync(path).equals(first))
    await source!.stop()
    server.fail(503, { times: 1000 })
    await start()
    await within(() => source!.synced)
    assert.deepEqual([has('web'), has('cart')], [true, false])
  })

  test('a snapshot that is damaged, of another selection, or not there is said once, and nothing is served', async () => {
    await record()
    const sound = readFileSync(path)
    server.fail(503, { times: 1000 })
    for (const [spoil, expected] of [
      [() => writeFileSync(path, sound.subarray(0, -1)), /is not used: it is damaged/],
      [() => writeFileSync(path, sound), /is not used: it is of another source or selection/],
      [() => rmSync(path), /there is no snapshot/],
    ] as const) {
      spoil()
      await start(server.url, ['Service'])
      await within(() => log.lines.some((line) => expected.test(line)))
      clock.advance(5000)
      assert.equal(log.lines.filter((line) => line.includes('snapshot')).length, 1)
      assert.deepEqual([source!.synced, has('cart')], [false, false])
      await source!.stop()
    }
  })

  test('a place that cannot be written is an error in the log, and serving goes on', async () => {
    path = join(folder, 'none', 'index')
    await start()
    await within(() => log.lines.some((line) => /snapshot .* cannot be written: ENOENT/.test(line)))
    assert.ok(source!.synced && has('cart'))
  })
})
