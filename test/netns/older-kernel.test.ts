/** On kernels before Linux 5.12 rules end with their lease alone; without dummy links addresses are on `lo`. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'
import { assertAnswered, assertEveryLegAnswers, lagAround, Load } from './load.ts'
import { now } from './monotonic.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'curl'] })
const MAIN = fileURLToPath(new URL('../../cmd/hearth-node/main.ts', import.meta.url))
const OLDER = { NODE_OPTIONS: `--import=${new URL('older-kernel.ts', import.meta.url).href}` }
const PATIENCE_MS = 20_000
/** A lease, and a second for the machine. */
const BACK_MS = 3000
const ASKED = [ADDRESSES.linkLocal, ADDRESSES.vip, ADDRESSES.linkLocal6, ADDRESSES.vip6]
const OPTIONS = { addresses: ASKED, name: 'web.shop.svc.cluster.local', perSecond: 400, connections: 1, tcpEveryMs: 100 }

describe('a kernel older than Linux 5.12', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  let load: Load
  let agent: Resident
  before(async () => {
    lab = await ClusterLab.open('iptables')
    agent = await startAgent()
    load = await Load.start([lab.pod, lab.node], [lab.cluster], OPTIONS)
    await pause(500)
  })
  afterEach(() => assert.equal(agent.output.match(/no owner tables/g)?.length, 1, 'said once'))
  after(async () => {
    await load?.stop()
    await lab?.close()
  })

  const startAgent = (...extra: string[]) => lab.startAgent(extra, /ip6 hearth-fallback" targets="10/, OLDER)
  const tables = async () => (await lab.node.exec('nft', ['list', 'tables', 'inet'])).match(/hearth-[0-9a-f]{8}/g) ?? []

  test('the mode in force is logged, exported and shown', async () => {
    assert.match(agent.output, /event="no owner tables" why="this kernel is older than Linux 5\.12" effect="the rules of a killed agent end with their lease after 2 s/)
    assert.match(agent.output, /event="rules in force" table="inet hearth-[0-9a-f]{8}" owner=false lease="renewed by answers"/)
    await until(async () => /^rules +inet hearth-[0-9a-f]{8}, not owned: ends with its lease$/m.test(await lab.node.exec(process.execPath, [MAIN, 'status'])), PATIENCE_MS)
    assert.match(await lab.node.exec('curl', ['-s', 'http://127.0.0.1:9353/metrics']), /^hearth_node_owner_table 0$/m)
  })

  test('rules that somebody flushes are back', async () => {
    await lab.node.exec('nft', ['delete', 'table', 'inet', (await tables())[0]!])
    await until(async () => (await tables()).length === 1, PATIENCE_MS)
  })

  test('stopped: DNS is back with the cluster when the lease has run out', async () => {
    const dropped = await load.dropped()
    agent.child.kill('SIGSTOP')
    const at = now()
    await pause(5000)
    const observed = await load.observe()
    const to = now() - 3000
    agent.child.kill('SIGCONT')
    const late = lagAround(observed, at)
    assertAnswered(observed, at + BACK_MS + late, to, await load.dropped() - dropped, `stopped, machine late by ${Math.round(late)} ms`)
    await until(async () => (await lab.node.exec('nft', ['list', 'ruleset'])).includes(`${ADDRESSES.vip} expires`), PATIENCE_MS)
  })

  test('killed: DNS is back when the lease has run out, and the next agent removes the table that was left', async () => {
    const dropped = await load.dropped()
    const [left] = await tables()
    agent.child.kill('SIGKILL')
    const at = now()
    await pause(5000)
    const observed = await load.observe()
    const late = lagAround(observed, at)
    assertAnswered(observed, at + BACK_MS + late, at + 5000, await load.dropped() - dropped, `killed, machine late by ${Math.round(late)} ms`)
    assertEveryLegAnswers(observed, at + BACK_MS + late, at + 7000)
    assert.deepEqual(await tables(), [left], 'nobody else removes it')
    agent = await startAgent()
    assert.match(agent.output, new RegExp(`event="stale table removed" table=${left}`))
    assert.equal((await tables()).length, 1)
  })

  test('SIGTERM: no question over UDP is lost, and nothing stays but the fallback', async () => {
    const dropped = await load.dropped()
    const from = now()
    await agent.stop()
    await pause(500)
    assertAnswered(await load.observe(), from, from + 1500, await load.dropped() - dropped, 'SIGTERM')
    assert.deepEqual(await tables(), [])
  })

  test('-interfacename without dummy links: the addresses are on lo, which is said once with what to do', async () => {
    agent = await startAgent('-interfacename', 'nodelocaldns')
    assert.match(agent.output, /event="address added" address=10\.96\.0\.10 link=lo/)
    await pause(4000)
    assert.equal(agent.output.match(/event="no dummy links" why=".*" effect="the addresses are on lo instead of nodelocaldns; DNS is the same" remedy="run \\"modprobe dummy\\" on the node, or start without -interfacename"/g)?.length, 1, agent.output)
    assertEveryLegAnswers(await load.observe(), now() - 3000, now())
  })
})
