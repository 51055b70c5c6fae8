import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteBudget, type Holder } from '../core/byte-budget.ts'
import { NODE_FLAGS } from '../../hack/bench/servers.ts'
import { heapFlags, heapLimitMib } from './heap-flags.ts'
import { cgroupLimit, limitFiles, parseBytes, planMemory, readLimit } from './memory-budget.ts'

const MIB = 1024 * 1024

test('a budget is divided, within what each part needs at least and takes at most', () => {
  assert.deepEqual(planMemory(Infinity), { cacheBytes: Infinity, queries: 10_000, connections: 4096, streamBytes: 64 * MIB })
  assert.deepEqual(planMemory(96 * MIB), { cacheBytes: Math.floor(48 * MIB * 0.35), queries: 1843, connections: 307, streamBytes: Math.floor(48 * MIB * 0.05) })
  assert.deepEqual(planMemory(1), { cacheBytes: 2 * MIB, queries: 256, connections: 32, streamBytes: 512 * 1024 })
  assert.deepEqual(planMemory(4096 * MIB).queries, 10_000)
  for (let mib = 64; mib < 2048; mib += 64) {
    const { cacheBytes, queries, connections, streamBytes } = planMemory(mib * MIB)
    assert.ok(48 * MIB + cacheBytes + queries * 4096 + connections * 16_384 + streamBytes <= mib * MIB, `${mib} MiB`)
  }
})

test('quantities read as Kubernetes writes them, and limits as the kernel does', () => {
  for (const [text, bytes] of [['256Mi', 256 * MIB], ['1Gi', 1024 * MIB], ['300M', 3e8], ['1.5Gi', 1536 * MIB], ['1024', 1024], ['0', undefined], ['-1Mi', undefined], ['12 Mi', undefined], ['Mi', undefined], ['1Ti', undefined]] as const) {
    assert.equal(parseBytes(text), bytes, text)
  }
  assert.equal(readLimit('268435456\n'), 256 * MIB)
  assert.equal(readLimit('max\n'), Infinity)
  assert.equal(readLimit(''), Infinity)
  assert.equal(readLimit('9223372036854771712\n'), Infinity)
  assert.equal(cgroupLimit(['/none/such']), Infinity)
})

test('the limit is looked for where the process is, and where a container sees itself', () => {
  assert.deepEqual(limitFiles('0::/kubepods/pod1/c1\n'), ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/kubepods/pod1/c1/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes'])
  assert.deepEqual(limitFiles('4:cpu,memory:/a\n1:cpu:/b\n0::/\n'), ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes', '/sys/fs/cgroup/memory/a/memory.limit_in_bytes'])
  assert.equal(limitFiles('').length, 2)
})

test('the heap has its share: as the images say it, or by a new start where they cannot', () => {
  const images = NODE_FLAGS['hearth-node']
  for (const flags of Object.values(NODE_FLAGS)) {
    const percentage = flags.map((flag) => Number(/percentage=(\d+)/.exec(flag)?.[1] ?? 0)).find((each) => each > 0)!
    // With the limit that the manifests give.
    assert.ok(Math.abs(256 * percentage / 100 - heapLimitMib(256 * MIB, flags)) < 8)
  }
  assert.equal(heapFlags(images, ['-conf', 'x'], 128 * MIB), undefined)
  assert.deepEqual(heapFlags(images, ['-memory-budget', '200Mi'], 128 * MIB), ['--max-old-space-size=94', ...images.filter((flag) => !flag.includes('percentage'))])
  assert.deepEqual(heapFlags(['--max-semi-space-size=8'], ['--memory-budget=128Mi'], Infinity), ['--max-old-space-size=40', '--max-semi-space-size=8'])
  assert.deepEqual(heapFlags([], [], 300 * MIB), ['--max-old-space-size=102'])
  assert.equal(heapFlags([], [], Infinity), undefined)
  assert.equal(heapFlags([], ['check', 'Corefile'], 128 * MIB), undefined)
  assert.equal(heapFlags(['--max-old-space-size=57'], ['-memory-budget', '200Mi'], 128 * MIB), undefined)
  assert.deepEqual(heapFlags([], ['-memory-budget', 'much'], 128 * MIB), ['--max-old-space-size=32'])
})

test('who holds most gives way until all fit', () => {
  const budget = new ByteBudget(100)
  const holder = (bytes: number): Holder & { bytes: number } => ({
    bytes,
    letGo() {
      if (this.bytes === 0) return false
      this.bytes -= 10
      return true
    },
  })
  const [small, large] = [holder(30), holder(120)]
  budget.join(small)
  budget.join(large)
  budget.settle()
  assert.deepEqual([small.bytes, large.bytes], [30, 70])
  small.bytes = 90
  budget.settle()
  assert.deepEqual([small.bytes, large.bytes], [50, 50])
})
