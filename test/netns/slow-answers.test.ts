/**
 * The agent leaves while answers are on their way that take 800 ms. What it was asked it still answers. What the node asks after that goes
 * to the cluster, from an address of the agent's as long as the node has it, and the answer comes when the address is gone.
 */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'
import { likeKubeProxy } from './kube-proxy.ts'
import { assertAnswered, Load } from './load.ts'
import { now } from './monotonic.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip'] })
const SLOW = '10.244.2.30'
const SLOW6 = 'fd00:10:244:2::30'
const DELAY_MS = 800
const ASKED = [ADDRESSES.linkLocal, ADDRESSES.vip, ADDRESSES.linkLocal6, ADDRESSES.vip6]
const OPTIONS = { addresses: ASKED, name: 'slow.example.com', distinct: true, perSecond: 200, connections: 0, tcpEveryMs: 1000 }

describe('answers that take 800 ms', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  let load: Load
  let upstream: Resident
  before(async () => {
    lab = await ClusterLab.open('nftables')
    await lab.cluster.exec('sh', ['-c', `ip addr add ${SLOW}/24 dev eth0; ip addr add ${SLOW6}/64 dev eth0 nodad`])
    upstream = await Resident.start('slow upstream', lab.cluster.spawn(process.execPath, [fileURLToPath(new URL('slow-upstream.ts', import.meta.url)), String(DELAY_MS), SLOW, SLOW6]), /ready/)
    await likeKubeProxy(lab.node, 'nftables', [{ vip: ADDRESSES.vip, endpoint: SLOW }, { vip: ADDRESSES.vip6, endpoint: SLOW6 }, { vip: ADDRESSES.upstreamVip, endpoint: SLOW }])
  })
  after(async () => {
    await load?.stop()
    await upstream?.stop()
    await lab?.close()
  })

  test('SIGTERM: all of them arrive, in the pod and on the node itself', async () => {
    const agent = await lab.startAgent(['--fallback-endpoints', `${SLOW},${SLOW6}`], /ip6 hearth-fallback" targets="10/, { DEMO_UPSTREAM: `${SLOW}:53` })
    load = await Load.start([lab.pod, lab.node], [lab.cluster], OPTIONS)
    await pause(1500)
    const dropped = await load.dropped()
    const from = now()
    await agent.stop()
    await pause(1000)
    const to = now()
    const observed = await load.observe()
    assertAnswered(observed, from - 1000, to, await load.dropped() - dropped, 'SIGTERM', 400)
    const slowest = observed.flatMap((each) => Object.values(each.udp).flat()).filter(([at, answered]) => at >= from && at < to && answered > 0).map(([at, answered]) => answered - at)
    assert.ok(Math.min(...slowest) >= DELAY_MS - 5, 'all of them were slow')
    assert.equal(agent.child.exitCode, 0, agent.output)
  })
})
