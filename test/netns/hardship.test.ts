/** What the kernel and the machine do to an agent, each with its stated outcome (docs/node-state.md). */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { memoryGroup } from '../support/memory-group.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'
import { assertAnswered, assertEveryLegAnswers, lagAround, Load } from './load.ts'
import { now } from './monotonic.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'dig', 'conntrack'] })
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const MAIN = here('../../cmd/hearth-node/main.ts')
const PATIENCE_MS = 20_000
const ASKED = [ADDRESSES.linkLocal, ADDRESSES.vip, ADDRESSES.linkLocal6, ADDRESSES.vip6]
const OPTIONS = { addresses: ASKED, name: 'web.shop.svc.cluster.local', perSecond: 400, connections: 1, tcpEveryMs: 100 }
/** What an agent in trouble may still take. */
const LIMIT_BYTES = 64 * 1024 * 1024
const HANG_MS = 12_000
const importing = (module: string) => ({ NODE_OPTIONS: `--import=${module}` })
const onSignal = (what: string) => importing(`data:text/javascript,${encodeURIComponent(`import { isMainThread } from 'node:worker_threads'\nif (isMainThread) process.on('SIGUSR2', () => { ${what} })`)}`)

describe('hard times for an agent', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  let load: Load
  let agent: Resident
  before(async () => {
    lab = await ClusterLab.open('iptables')
    agent = await startAgent()
    load = await Load.start([lab.pod, lab.node], [lab.cluster], OPTIONS)
    await pause(500)
  })
  after(async () => {
    await load?.stop()
    await lab?.close()
  })

  const startAgent = (environment: Readonly<Record<string, string>> = {}) => lab.startAgent([], /ip6 hearth-fallback" targets="10/, environment)
  const replaceAgent = async (environment: Readonly<Record<string, string>>) => {
    await agent.stop()
    agent = await startAgent(environment)
  }
  const dig = (...args: string[]) => lab.pod.exec('dig', ['+time=1', '+tries=2', ...args]).then((text) => text.trim(), () => '')
  const status = () => lab.node.exec(process.execPath, [MAIN, 'status']).then((text) => ({ code: 0, text }), (error: { code: number; stdout: string }) => ({ code: error.code, text: error.stdout }))
  const changes = () => agent.output.split('\n').filter((line) => line.includes('node-state:')).length

  test('its cgroup has no memory left: it is killed, the cluster answers, and the next one takes over', async (context) => {
    const group = memoryGroup(LIMIT_BYTES)
    if (group === undefined) return context.skip('needs cgroups that can be written')
    await replaceAgent(onSignal('const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1))'))
    writeFileSync(join(group.folder, 'cgroup.procs'), String(agent.child.pid))
    const dropped = await load.dropped()
    agent.child.kill('SIGUSR2')
    const [, signal] = await once(agent.child, 'exit') as [number | null, string | null]
    const at = now()
    assert.deepEqual([signal, group.kills()], ['SIGKILL', 1])
    group.remove()
    await pause(2000)
    const observed = await load.observe()
    const late = lagAround(observed, at)
    assertAnswered(observed, at + 50 + late, at + 2000, await load.dropped() - dropped, `killed for want of memory, machine late by ${Math.round(late)} ms`)
    assertEveryLegAnswers(observed, at + 1000 + late, at + 5000)
    const from = now()
    agent = await startAgent()
    await pause(500)
    assertAnswered(await load.observe(), from, from + 1000, await load.dropped() - dropped, 'the next one')
    await until(async () => (await status()).code === 0, PATIENCE_MS)
  })

  test('the main thread hangs and the packet worker goes on: its answers do not vouch for the rest', async () => {
    await replaceAgent(onSignal(`Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${HANG_MS})`))
    const dropped = await load.dropped()
    const at = now()
    agent.child.kill('SIGUSR2')
    await pause(300)
    // No worker has these names.
    assert.equal(await dig('+short', '+tries=1', `@${ADDRESSES.vip}`, 'cart.shop.svc.cluster.local'), '', 'the main thread hangs')
    await until(async () => await dig('+short', `@${ADDRESSES.vip}`, 'cart.shop.svc.cluster.local') !== '', HANG_MS)
    const back = now()
    await pause(1000)
    assert.ok(now() < at + HANG_MS, 'it still hangs')
    const observed = await load.observe()
    assertAnswered(observed, back, back + 1000, await load.dropped() - dropped, `hanging, back after ${Math.round(back - at)} ms`)
    await until(async () => (await status()).code === 0, PATIENCE_MS)
  })

  test('the wall clock is stepped by hours: nothing that is kept in the kernel, and no answer, depends on it', async () => {
    await replaceAgent(importing(new URL('stepped-clock.ts', import.meta.url).href))
    await until(async () => (await status()).code === 0, PATIENCE_MS)
    const dropped = await load.dropped()
    const before = changes()
    const from = now()
    for (let i = 0; i < 10; i++) {
      const ttl = Number(/^web\.shop\.svc\.cluster\.local\.\s+(\d+)\s/m.exec(await dig('+noall', '+answer', `@${ADDRESSES.vip}`, OPTIONS.name))?.[1])
      assert.ok(ttl >= 0 && ttl <= 30, `a TTL of ${ttl}`)
      await pause(1000)
    }
    const to = now()
    assertAnswered(await load.observe(), from, to, await load.dropped() - dropped, 'clock steps')
    const { code, text } = await status()
    assert.equal(code, 0, text)
    assert.equal(changes(), before, agent.output)
  })

  test('connection tracking is full: what the agent has is answered, since nothing of that is tracked; when there is room all is as before', async () => {
    await replaceAgent({})
    for (const address of ASKED) assert.equal(await dig('+short', `@${address}`, OPTIONS.name), '10.96.20.1')
    await until(async () => (await status()).code === 0, PATIENCE_MS)
    const before = changes()
    await lab.node.exec(process.execPath, [here('fill-conntrack.ts')])
    try {
      // One try: entries from before end one by one, so that a later one may find the room of one.
      assert.equal(await dig('+tries=1', '+short', `@${ADDRESSES.upstreamVip}`, OPTIONS.name), '', 'what is tracked gets no room: the table is full')
      const from = now()
      for (const address of ASKED) {
        assert.equal(await dig('+short', `@${address}`, OPTIONS.name), '10.96.20.1', address)
        assert.equal(await dig('+short', '+tcp', `@${address}`, OPTIONS.name), '10.96.20.1', `${address} over TCP`)
      }
      await pause(1000)
      const observed = await load.observe()
      assertAnswered(observed, from, from + 1000, 0, 'full')
      assertEveryLegAnswers(observed, from, now())
      assert.doesNotMatch((await status()).text, /probes are not answered|no lease/)
      assert.equal(changes(), before, agent.output)
    } finally {
      await lab.node.exec('conntrack', ['-F'])
    }
    await until(async () => await dig('+short', `@${ADDRESSES.vip}`, 'cart.shop.svc.cluster.local') !== '', PATIENCE_MS)
    await until(async () => (await status()).code === 0, PATIENCE_MS * 3)
  })
})
