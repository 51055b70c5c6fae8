/**
 * Upgrades: a newer agent starts beside the older one, takes its part, and the older one leaves. 5,000 questions a second over UDP and
 * 200 TCP connections, from a pod and from the node itself, while that happens ten times in a row.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'
import { assertAnswered, assertEveryLegAnswers, lagAround, Load } from './load.ts'
import { now } from './monotonic.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'curl'] })
const ASKED = [ADDRESSES.linkLocal, ADDRESSES.vip, ADDRESSES.linkLocal6, ADDRESSES.vip6]
const UPGRADES = 10
const OPTIONS = { addresses: ASKED, name: 'web.shop.svc.cluster.local', perSecond: 2500, connections: 25, tcpEveryMs: 1000 }

describe('upgrades of the agent', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  let load: Load
  let agent: Resident
  let port = 19_000

  before(async () => {
    lab = await ClusterLab.open('nftables')
    agent = await startAgent(/ip6 hearth-fallback" targets="10/)
    load = await Load.start([lab.pod, lab.node], [lab.cluster], OPTIONS)
    await pause(1500)
  })
  after(async () => {
    await load?.stop()
    await lab?.close()
  })

  const startAgent = (ready = /rules in force/) => lab.startAgent(['-metrics-listen-address', `127.0.0.1:${++port}`], ready)

  /** Queries that the newest agent has dropped so far because the machine gave it no processor: it counts them itself. */
  const shed = async () => {
    const text = await lab.node.exec('curl', ['-s', '-m', '5', `http://127.0.0.1:${port}/metrics`])
    return [...text.matchAll(/^hearth_(?:packets_dropped|packets_unsent|queries_shed)_total (\d+)$/gm)].reduce((sum, match) => sum + Number(match[1]), 0)
  }

  test(`${UPGRADES} in a row lose no question over UDP, and no name of a client that asks again after a clean close`, async () => {
    const dropped = await load.dropped()
    const from = now()
    let shedSoFar = 0
    for (let i = 0; i < UPGRADES; i++) {
      shedSoFar += await shed()
      const next = await startAgent()
      await agent.stop()
      assert.equal(agent.child.exitCode, 0, agent.output)
      agent = next
    }
    const to = now()
    const observed = await load.observe()
    assertAnswered(observed, from, to, await load.dropped() - dropped + shedSoFar + await shed(), 'upgrades')
    assert.deepEqual(observed.flatMap((each) => each.tcpLost.filter((at) => at >= from && at < to)), [], 'questions on connections that were reset')
    assert.ok(observed.every((each) => each.ends.filter((end) => end.how === 'clean' && end.at >= from && end.at < to).length >= UPGRADES), 'connections ended cleanly')
  })

  test('the older one hangs while both run: queries go to the cluster within 3 s, and come back when it is gone', async () => {
    const next = await startAgent()
    const dropped = await load.dropped()
    agent.child.kill('SIGSTOP')
    const at = now()
    await until(() => next.output.includes('queries given to the cluster'), 20_000)
    await pause(4000)
    const to = now()
    const observed = await load.observe()
    const late = lagAround(observed, at)
    assertAnswered(observed, at + 3000 + late, to, await load.dropped() - dropped, `a twin that hangs, machine late by ${Math.round(late)} ms`)
    assertEveryLegAnswers(observed, at + 3000 + late, to)
    agent.child.kill('SIGKILL')
    await once(agent.child, 'exit')
    await until(() => next.output.includes('queries taken again'), 20_000)
    agent = next
  })

  test('the newer one hangs and runs again: queries are taken again, and from then on none is lost', async () => {
    const next = await startAgent()
    next.child.kill('SIGSTOP')
    await until(() => agent.output.includes('queries given to the cluster'), 20_000)
    next.child.kill('SIGCONT')
    await until(() => agent.output.includes('queries taken again'), 20_000)
    const dropped = await load.dropped()
    const from = now()
    await pause(2000)
    assertAnswered(await load.observe(), from, from + 2000, await load.dropped() - dropped, 'healed')
    await next.stop()
  })

  test('a newer one whose cluster\'s DNS does not answer is not ready, however ready the older one is', async () => {
    const ready = (folder: string) => existsSync(join(lab.folder, folder, 'ready'))
    const good = await lab.startAgent(['-metrics-listen-address', '', '-probe-files', join(lab.folder, 'good')])
    await until(() => ready('good'), 20_000)
    const bad = await lab.startAgent(['-metrics-listen-address', '', '-probe-files', join(lab.folder, 'bad')], /rules in force/, { KUBE_DNS_UPSTREAM_SERVICE_HOST: '10.244.2.77' })
    await until(() => existsSync(join(lab.folder, 'bad', 'alive')), 20_000)
    await pause(3000)
    assert.deepEqual([ready('good'), ready('bad')], [true, false])
    await bad.stop()
    await good.stop()
  })
})
