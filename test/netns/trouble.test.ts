/** What goes wrong on nodes, each with its stated outcome (docs/node-state.md). */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'dig', 'curl', 'setpriv', 'unshare'] })
const MAIN = fileURLToPath(new URL('../../cmd/hearth-node/main.ts', import.meta.url))
const PATIENCE_MS = 20_000
const WITHOUT_KOFFI = `data:text/javascript,${encodeURIComponent(`
import { registerHooks } from 'node:module'
registerHooks({ resolve(name, context, next) { if (name === 'koffi') throw new Error('no koffi here'); return next(name, context) } })`)}`

describe('trouble on a node', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  const agents: Resident[] = []
  before(async () => { lab = await ClusterLab.open('nftables') })
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop()
    await lab.node.exec(process.execPath, [MAIN, 'cleanup'])
  })
  after(async () => lab?.close())

  const kept = (agent: Resident) => {
    agents.push(agent)
    return agent
  }
  const start = async (ready: RegExp, ...extra: string[]) => kept(await lab.startAgent(extra, ready))
  const dig = async (server: string) => (await lab.pod.exec('dig', ['+time=2', '+tries=3', '+short', `@${server}`, 'web.shop.svc.cluster.local'])).trim()
  const metric = async (name: string) => Number(new RegExp(`^${name.replaceAll(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(await lab.node.exec('curl', ['-s', 'http://127.0.0.1:9353/metrics']))?.[1])

  test('notifications that overrun their buffer: everything is looked at again, and the owner table is the same', async () => {
    const agent = await start(/rules in force/)
    const tables = await lab.node.exec('nft', ['list', 'tables', 'inet'])
    agent.child.kill('SIGSTOP')
    const numbers = Array.from({ length: 1200 }, (_, i) => `10.200.${i >> 8}.${i & 0xff}/32 dev lo`)
    await lab.node.exec('sh', ['-c', `ip -batch - <<'END'\n${[...numbers.map((each) => `addr add ${each}`), ...numbers.map((each) => `addr del ${each}`), `addr del ${ADDRESSES.vip}/32 dev lo`].join('\n')}\nEND`])
    agent.child.kill('SIGCONT')
    await until(async () => (await lab.node.exec('ip', ['addr', 'show', 'lo'])).includes(` ${ADDRESSES.vip}/`), PATIENCE_MS)
    assert.equal(await lab.node.exec('nft', ['list', 'tables', 'inet']), tables)
    assert.equal(await dig(ADDRESSES.vip), '10.96.20.1')
  })

  test('without NET_ADMIN: a start that would need it says what to grant; with -setupinterface=false it serves, counts and says so', async () => {
    const drop = ['--bounding-set', '-net_admin', '--inh-caps', '-net_admin', process.execPath, MAIN, '-localip', ADDRESSES.linkLocal, '-basecorefile', '/nowhere', '-conf', lab.corefileOf(ADDRESSES.linkLocal)]
    await assert.rejects(Resident.start('agent', lab.node.spawn('setpriv', drop), /ready/), /cannot add 169\.254\.20\.10 to the node: .*EPERM.*Grant the capability NET_ADMIN/)
    await lab.node.exec('ip', ['addr', 'add', `${ADDRESSES.linkLocal}/32`, 'dev', 'lo'])
    const agent = kept(await Resident.start('agent', lab.node.spawn('setpriv', [...drop, '-setupinterface=false']), /ready \(/))
    assert.equal(await dig(ADDRESSES.linkLocal), '192.0.2.7')
    await until(() => /event="answers untracked failed" why=".*EPERM/.test(agent.output), PATIENCE_MS)
    assert.equal(agent.output.match(/event="no right to change the network of the node" effect="queries .* are answered.*" remedy="grant the capability NET_ADMIN/g)?.length, 1)
    assert.ok(await metric('coredns_nodecache_setup_errors_total{errortype="iptables"}') > 0)
    assert.ok(await metric('hearth_node_problems') > 0)
    await lab.node.exec('ip', ['addr', 'del', `${ADDRESSES.linkLocal}/32`, 'dev', 'lo'])
  })

  test('with a read-only /proc it works as ever', async () => {
    const agent = await start(/rules in force/, '-quiet')
    await agent.stop()
    const child = lab.node.spawn('unshare', ['--mount', 'sh', '-c', `mount -o remount,bind,ro /proc && exec "$0" "$@"`, process.execPath, MAIN, '-localip', ADDRESSES.linkLocal, '-basecorefile', '/nowhere', '-conf', lab.corefileOf(ADDRESSES.linkLocal)])
    kept(await Resident.start('agent', child, /rules in force/))
    assert.equal(await dig(ADDRESSES.linkLocal), '192.0.2.7')
  })

  test('an agent that does not know yet where to leaves the fallback that an earlier one has made', async () => {
    const first = await start(/ip6 hearth-fallback" targets="10/)
    first.child.kill('SIGKILL')
    await until(() => first.child.signalCode !== null, PATIENCE_MS)
    // Its cluster's DNS does not answer, so that it never learns.
    const next = kept(await lab.startAgent(['-quiet'], /rules in force/, { KUBE_DNS_UPSTREAM_SERVICE_HOST: '10.244.2.77' }))
    await until(() => next.output.includes("the cluster's DNS at 10.244.2.77 does not answer"), PATIENCE_MS)
    next.child.kill('SIGKILL')
    await until(() => next.child.signalCode !== null, PATIENCE_MS)
    assert.equal(await dig(ADDRESSES.linkLocal), '10.96.20.1')
  })

  test('SIGTERM twice, or SIGKILL while it leaves: the cluster answers, and the next start or cleanup removes what is left', async () => {
    const leftRoutes = async () => (await lab.node.exec('ip', ['route', 'show', 'table', 'local', 'proto', '83'])).trim().split('\n').filter((line) => line !== '')
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const agent = await start(/ip6 hearth-fallback" targets="10/)
      agent.child.kill('SIGTERM')
      await until(() => agent.output.includes('event="address removed" address=10.96.0.10'), PATIENCE_MS)
      agent.child.kill(signal)
      await until(() => agent.child.exitCode !== null || agent.child.signalCode !== null, PATIENCE_MS)
      assert.deepEqual([agent.child.exitCode, agent.child.signalCode], signal === 'SIGTERM' ? [2, null] : [null, 'SIGKILL'])
      for (const address of [ADDRESSES.vip, ADDRESSES.linkLocal, ADDRESSES.vip6, ADDRESSES.linkLocal6]) assert.equal(await dig(address), '10.96.20.1', address)
      assert.ok((await leftRoutes()).length > 0)
    }
    assert.match(await lab.node.exec(process.execPath, [MAIN, 'cleanup']), /removed local route 10\.96\.0\.10\n/)
    assert.deepEqual(await leftRoutes(), [])
    await start(/rules in force/)
    assert.deepEqual(await leftRoutes(), [])
  })

  test('two agents with different addresses: both serve, and neither undoes what the other has done', async () => {
    await start(/ip6 hearth-fallback" targets="10/)
    const other = kept(await Resident.start('other', lab.node.spawn(process.execPath, [MAIN, '-localip', '169.254.20.99', '-basecorefile', '/nowhere', '-conf', lab.corefileOf('169.254.20.99')]), /rules in force/))
    assert.equal(await dig(ADDRESSES.linkLocal), '10.96.20.1')
    assert.equal(await dig('169.254.20.99'), '192.0.2.7')
    const changes = () => agents.map((agent) => agent.output.split('fallback in force').length).join(' ')
    const before = changes()
    await new Promise((resolve) => setTimeout(resolve, 3000))
    assert.equal(changes(), before, other.output)
  })

  test('without koffi answers cannot be marked: answered probes renew the lease, and a process that hangs loses it', async () => {
    const child = lab.node.spawn(process.execPath, ['--import', WITHOUT_KOFFI, MAIN, '-localip', ADDRESSES.linkLocal, '-basecorefile', '/nowhere', '-conf', lab.corefileOf(ADDRESSES.linkLocal)])
    const agent = kept(await Resident.start('agent', child, /rules in force/))
    assert.match(agent.output, /sockets cannot be marked \(koffi does not load: no koffi here\)/)
    assert.match(agent.output, /lease="renewed by probes"/)
    const leased = async () => (await lab.node.exec('nft', ['list', 'ruleset'])).includes(`${ADDRESSES.linkLocal} expires`)
    await new Promise((resolve) => setTimeout(resolve, 4000))
    assert.ok(await leased(), 'renewed')
    agent.child.kill('SIGSTOP')
    await until(async () => !await leased(), PATIENCE_MS)
    agent.child.kill('SIGCONT')
    await until(leased, PATIENCE_MS)
  })
})
