/** From node-cache to the agent and back on the same node, while a pod and the node itself ask. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'
import { leaveRemains, LikeNodeCache } from './like-node-cache.ts'
import { assertAnswered, Load } from './load.ts'
import { now } from './monotonic.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'dig', 'iptables-nft', 'iptables-nft-save', 'conntrack'] })
const MAIN = fileURLToPath(new URL('../../cmd/hearth-node/main.ts', import.meta.url))
const PATIENCE_MS = 20_000
/** node-cache serves one family. Ports are new ones as glibc's are. */
const OPTIONS = { addresses: [ADDRESSES.vip, ADDRESSES.linkLocal], name: 'web.shop.svc.cluster.local', perSecond: 300, freshPorts: true, connections: 1, tcpEveryMs: 100 }
/** Everything that node-cache has in the kernel. */
const RULES = 24

describe('from node-cache and back', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  let load: Load
  const ends: (() => Promise<void>)[] = []
  before(async () => {
    lab = await ClusterLab.open('iptables')
    load = await Load.start([lab.pod, lab.node], [lab.cluster], OPTIONS)
  })
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
    await cleanup('--node-cache')
  })
  after(async () => {
    await load?.stop()
    await lab?.close()
  })

  const cleanup = (...args: string[]) => lab.node.exec(process.execPath, [MAIN, 'cleanup', ...args])
  const startAgent = async (...extra: string[]) => {
    const agent = await lab.startAgent(extra, /ip hearth-fallback" targets="10/)
    ends.push(() => agent.stop())
    // What was asked while nobody was there, and what node-cache answers last, since it takes its rules away before its sockets, goes on leading nowhere.
    await lab.node.exec('conntrack', ['-F'])
    return agent
  }
  const startOther = async () => {
    const other = await LikeNodeCache.start(lab)
    ends.push(() => other.stop())
    return other
  }
  const theirRules = async () => (await lab.node.exec('iptables-nft-save', [])).match(/NodeLocal DNS Cache/g)?.length ?? 0
  const hasLink = async () => (await lab.node.exec('ip', ['link'])).includes('nodelocaldns')
  const gone = (agent: Resident) => until(() => agent.child.exitCode !== null, PATIENCE_MS)

  /** Runs `change` and asserts that nothing asked over UDP from then until half a second later is lost. */
  const withoutLoss = async (what: string, change: () => Promise<void>) => {
    const dropped = await load.dropped()
    const from = now()
    await change()
    const to = now() + 500
    await pause(500)
    assertAnswered(await load.observe(), from, to, await load.dropped() - dropped, what)
  }

  test('the agent starts beside a node-cache that runs: rules and link are taken over, and nothing is lost when node-cache ends', async () => {
    const other = await startOther()
    await pause(500)
    await withoutLoss('taking over', async () => {
      const agent = await startAgent()
      await until(async () => await theirRules() === 0 && !await hasLink(), PATIENCE_MS)
      assert.match(agent.output, /event="taken over from node-cache" removed="12 rules of node-cache in ip raw OUTPUT"/)
      await other.stop()
    })
  })

  test('node-cache starts beside the agent, as after a rollback with a surge: it keeps what it has made, and nothing is lost when the agent ends', async () => {
    const agent = await startAgent('-syncinterval', '5s')
    await pause(500)
    await withoutLoss('going back beside the agent', async () => {
      await startOther()
      await until(() => agent.output.includes('event="another server has sockets at our addresses"'), PATIENCE_MS)
      await pause(11_000)
      assert.equal(await theirRules(), RULES, agent.output)
      assert.ok(await hasLink())
      await agent.stop()
      await gone(agent)
    })
    assert.equal(await theirRules(), RULES)
  })

  test('what a node-cache leaves behind that is killed beside the agent is removed: it would keep queries from the cluster', async () => {
    const agent = await startAgent('-syncinterval', '1s')
    const other = await startOther()
    await until(() => agent.output.includes('event="another server has sockets at our addresses"'), PATIENCE_MS)
    await other.kill()
    await until(async () => await theirRules() === 0 && !await hasLink(), PATIENCE_MS)
  })

  test('the agent ends and node-cache starts afterwards, as its DaemonSet does it: the cluster answers meanwhile, and nothing is lost', async () => {
    const agent = await startAgent()
    await pause(500)
    await withoutLoss('going back', async () => {
      await agent.stop()
      await gone(agent)
      await startOther()
    })
    // Without an agent this is what is left of it, and it is never reached while node-cache's rules are there.
    assert.match(await lab.node.exec('nft', ['list', 'ruleset']), /table ip hearth-fallback/)
    await withoutLoss('cleanup beside node-cache', async () => assert.match(await cleanup(), /removed table ip hearth-fallback\n/))
    assert.equal(await theirRules(), RULES, 'cleanup without --node-cache leaves node-cache alone')
    assert.ok(await hasLink())
  })

  test('on a node where node-cache died: its remains are taken over, and then the agent fails open', async () => {
    await leaveRemains(lab)
    const agent = await startAgent()
    await until(async () => await theirRules() === 0 && !await hasLink(), PATIENCE_MS)
    agent.child.kill('SIGKILL')
    await until(() => agent.child.signalCode !== null, PATIENCE_MS)
    await pause(200)
    for (const host of [lab.pod, lab.node]) {
      for (const address of OPTIONS.addresses) assert.equal((await host.exec('dig', ['+time=2', '+tries=3', '+short', `@${address}`, OPTIONS.name])).trim(), '10.96.20.1', `${host.name} asks ${address}`)
    }
  })
})
