/**
 * The bars of failing open: 2,000 questions a second from a pod and from the node itself, to the cluster's DNS address and to the
 * link-local one, over UDP and TCP, IPv4 and IPv6, while the agent is killed, comes back, hangs and leaves. The resolver is on a
 * second node that has the same addresses on its own `lo`.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'
import { manyServices, type Flavour } from './kube-proxy.ts'
import { assertAnswered, assertEveryLegAnswers, lagAround, Load, mostResets } from './load.ts'
import { now } from './monotonic.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'ss', 'iptables-nft-restore', 'ip6tables-nft-restore', 'getent'] })
const ASKED = [ADDRESSES.linkLocal, ADDRESSES.vip, ADDRESSES.linkLocal6, ADDRESSES.vip6]
const OPTIONS = { addresses: ASKED, name: 'web.shop.svc.cluster.local', perSecond: 1000, connections: 2, tcpEveryMs: 100 }

for (const flavour of ['nftables', 'iptables'] as const satisfies readonly Flavour[]) {
  describe(`failing open beside kube-proxy's ${flavour}`, { skip, concurrency: false }, () => {
    let lab: ClusterLab
    let load: Load
    let agent: Resident

    before(async () => {
      lab = await ClusterLab.open(flavour)
      agent = await startAgent()
      load = await Load.start([lab.pod, lab.node], [lab.cluster], OPTIONS)
      await pause(500)
    })
    after(async () => {
      await load?.stop()
      await lab?.close()
    })

    const startAgent = () => lab.startAgent([], /ip6 hearth-fallback" targets="10/)
    const kill = async () => {
      agent.child.kill('SIGKILL')
      const at = now()
      await once(agent.child, 'exit')
      return at
    }

    test('killed: what is asked 50 ms later is answered, a connection sees at most one reset, and glibc loses no name', async () => {
      const dropped = await load.dropped()
      const names = lab.getent('web', 40)
      const at = await kill()
      await pause(1500)
      const observed = await load.observe()
      const late = lagAround(observed, at)
      assert.equal((await names).split('\n').filter((line) => line.startsWith('10.96.20.1 ')).length > 40, true, 'a resolver with 5 s and 2 tries')
      assertAnswered(observed, at + 50 + late, at + 1500, await load.dropped() - dropped, `killed, machine late by ${Math.round(late)} ms`)
      assert.ok(mostResets(observed, at, at + 1500) <= 1, 'resets')
      assertEveryLegAnswers(observed, at + 1000 + late, at + 4500)
    })

    test('back: no question is lost', async () => {
      const dropped = await load.dropped()
      const from = now()
      agent = await startAgent()
      const to = now() + 500
      await pause(500)
      assertAnswered(await load.observe(), from, to, await load.dropped() - dropped, 'return')
    })

    test('stopped: DNS is back within 3 s with nobody\'s help, and the agent goes on where it was', async () => {
      const dropped = await load.dropped()
      agent.child.kill('SIGSTOP')
      const at = now()
      await pause(5000)
      const observed = await load.observe()
      const to = now() - 3000
      agent.child.kill('SIGCONT')
      const late = lagAround(observed, at)
      assertAnswered(observed, at + 3000 + late, to, await load.dropped() - dropped, `stopped, machine late by ${Math.round(late)} ms`)
      assertEveryLegAnswers(observed, at + 3000 + late, to)
      await until(async () => (await lab.node.exec('nft', ['list', 'set', 'inet', tableOf(agent), 'lease4'])).includes(ADDRESSES.vip), 10_000)
    })

    test('SIGTERM: no question over UDP is lost, and connections end cleanly', async () => {
      // Connections that led to the cluster while the agent hung are reset at their next question only; then clients open new ones, to the agent.
      await until(async () => (await lab.node.exec('ss', ['-Htn', 'state', 'established', 'sport = :53'])).trim().split('\n').length >= ASKED.length * OPTIONS.connections * 2, 10_000)
      const dropped = await load.dropped()
      const from = now()
      await agent.stop()
      const to = now() + 500
      await pause(500)
      const observed = await load.observe()
      assertAnswered(observed, from, to, await load.dropped() - dropped, 'SIGTERM')
      assertEveryLegAnswers(observed, from, to)
      assert.ok(observed.some((each) => each.ends.some((end) => end.how === 'clean' && end.at >= from && end.at < to)), 'no connection ended cleanly')
    })

    test('killed while a rule set of 8,000 Services is being restored: what is asked a second later is answered', async () => {
      agent = await startAgent()
      const file = join(lab.folder, 'services')
      const { text, command, args } = manyServices(flavour, 8000)
      writeFileSync(file, text)
      await pause(500)
      const dropped = await load.dropped()
      const restore = lab.node.exec(command, [...args, file])
      await pause(300)
      const at = await kill()
      await restore
      await pause(1500)
      const observed = await load.observe()
      const late = lagAround(observed, at)
      assertAnswered(observed, at + 1000 + late, at + 1000 + late + 1500, await load.dropped() - dropped, `killed during a restore, machine late by ${Math.round(late)} ms`)
      assertEveryLegAnswers(observed, at + 1000 + late, at + 1000 + late + 3000)
    })
  })
}

/** The name of an agent's table, as it has logged it. */
function tableOf(agent: Resident): string {
  return /rules in force" table="inet (hearth-[0-9a-f]+)"/.exec(agent.output)![1]!
}
