/** The agent finds out where it is, lets DNS through filters, and tells about itself. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Report } from '../../src/node/report.ts'
import { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'
import { leaveRemains } from './like-node-cache.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'dig', 'curl', 'iptables-nft', 'ip6tables-nft', 'iptables-nft-save', 'iptables-nft-restore'] })
const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const MAIN = here('../../cmd/hearth-node/main.ts')
const PATIENCE_MS = 20_000

describe('taking over a node', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  const agents: Resident[] = []
  before(async () => { lab = await ClusterLab.open('nftables') })
  afterEach(async () => {
    for (const agent of agents.splice(0)) await agent.stop()
    await tool('cleanup', '--node-cache')
  })
  after(async () => lab?.close())

  const start = async (...extra: string[]) => {
    const agent = await lab.startAgent(extra, /ip6? hearth-fallback" targets="?10/)
    agents.push(agent)
    return agent
  }
  const dig = async (server: string, from = lab.pod) => (await from.exec('dig', ['+time=2', '+tries=2', '+short', `@${server}`, 'web.shop.svc.cluster.local'])).trim()
  const ruleset = () => lab.node.exec('nft', ['list', 'ruleset'])

  /** A command of the program on the node: its status and what it printed. */
  const tool = (...args: string[]) => new Promise<{ status: number; text: string }>((resolve) => {
    execFile('nsenter', [`--net=/proc/${lab.node.pid}/ns/net`, '--', process.execPath, MAIN, ...args], (error, stdout, stderr) => resolve({ status: error === null ? 0 : Number(error.code), text: stdout + stderr }))
  })

  test('hearth-node status tells a person and a program how it is, and exits accordingly', async () => {
    assert.deepEqual(await tool('status'), { status: 2, text: 'no agent on this node: hearth-node does not run here, or this shell is in another network namespace than the node (nsenter, hostNetwork)\n' })
    const agent = await start()
    await until(async () => (await tool('status')).status === 0, PATIENCE_MS).catch(async () => assert.fail((await tool('status')).text))
    const { text } = await tool('status')
    for (const line of [/^state +well$/m, /^proxy mode +nftables: the nftables table kube-proxy exists$/m, /^rules +inet hearth-[0-9a-f]{8}, owned/m, /^lease +.*169\.254\.20\.10 renewed \d+ ms ago/m, /^fallback +10\.244\.2\.10:53 \[fd00:10:244:2::10\]:53$/m, /^upstream +answers$/m]) assert.match(text, line)
    const [report] = JSON.parse((await tool('status', '--json')).text) as Report[]
    assert.equal(report!.pid, agent.child.pid)
    assert.deepEqual([report!.ready, report!.problems], [true, []])
    const metrics = await lab.node.exec('curl', ['-s', 'http://127.0.0.1:9353/metrics'])
    for (const line of ['hearth_node_mode{mode="nftables"} 1', 'hearth_node_rules_present 1', 'hearth_node_owner_table 1', 'hearth_node_problems 0', 'hearth_node_ready 1', 'hearth_node_configuration_in_force 1', 'hearth_node_configuration_rejected 0', 'coredns_nodecache_setup_errors_total{errortype="iptables_lock"} 0']) assert.ok(metrics.includes(line), line)
    assert.ok(Number(/^hearth_node_lease_age_seconds (\S+)$/m.exec(metrics)![1]) < 2)
    assert.ok(Number(/^hearth_node_last_probe_seconds (\S+)$/m.exec(metrics)![1]) < 10)
    agent.child.kill('SIGSTOP')
    const hung = await tool('status')
    agent.child.kill('SIGCONT')
    assert.equal(hung.status, 1)
    assert.match(hung.text, /no answer within/)
  })

  test('hearth-node cleanup --node-cache removes what node-cache left, and says what', async () => {
    await leaveRemains(lab)
    const { status, text } = await tool('cleanup', '--node-cache')
    assert.equal(status, 0)
    assert.match(text, /removed 12 rules of node-cache in ip raw OUTPUT\n/)
    assert.match(text, /removed the link nodelocaldns of node-cache\n/)
    assert.doesNotMatch(await lab.node.exec('iptables-nft-save', []), /NodeLocal DNS Cache/)
    assert.deepEqual(await tool('cleanup', '--node-cache'), { status: 0, text: 'nothing to remove\n' })
    assert.equal(await dig(ADDRESSES.vip), '10.96.20.1')
  })

  test('a filter that drops what nobody accepts: DNS is accepted where asked for, and iptables can still read its table', async () => {
    for (const command of ['iptables-nft', 'ip6tables-nft']) {
      await lab.node.exec(command, ['-A', 'INPUT', '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED', '-j', 'ACCEPT'])
      await lab.node.exec(command, ['-A', 'INPUT', '-p', command === 'iptables-nft' ? 'icmp' : 'ipv6-icmp', '-j', 'ACCEPT'])
      await lab.node.exec(command, ['-P', 'INPUT', 'DROP'])
    }
    try {
      await acceptedThrough(await start('--accept-rules', 'auto'))
    } finally {
      for (const command of ['iptables-nft', 'ip6tables-nft']) await lab.node.exec('sh', ['-c', `${command} -P INPUT ACCEPT; ${command} -F`])
    }
  })

  const acceptedThrough = async (agent: Resident) => {
    await until(() => agent.output.includes('event="accept rule added"'), PATIENCE_MS)
    await until(async () => await dig(ADDRESSES.vip).catch(() => '') === '10.96.20.1' && await dig(ADDRESSES.vip6).catch(() => '') === '10.96.20.1', PATIENCE_MS)
    const saved = await lab.node.exec('iptables-nft-save', [])
    assert.match(saved, /-A INPUT -d 10\.96\.0\.10\/32 -p udp .*--dport 53 -m comment --comment "hearth-node: allow DNS, udp to 10\.96\.0\.10" -j ACCEPT/)
    await lab.node.exec('sh', ['-c', 'iptables-nft-save | iptables-nft-restore'])
    assert.equal(await dig(ADDRESSES.linkLocal), '10.96.20.1')
    await agent.stop()
    assert.doesNotMatch(await lab.node.exec('iptables-nft-save', []), /hearth-node/)
  }

  test('IPVS: the cluster\'s address is left to it, and the link-local one fails open to the upstream\'s ClusterIP', async () => {
    // Stand-ins, since kernels of test machines have neither dummy links nor IPVS: a bridge for the link, a server for who IPVS sends to.
    await lab.node.exec('sh', ['-c', `ip link add kube-ipvs0 type bridge; for a in ${ADDRESSES.vip} ${ADDRESSES.upstreamVip}; do ip addr add $a/32 dev kube-ipvs0; done`])
    const server = await Resident.start('upstream', lab.node.spawn(process.execPath, [here('../../hack/lab/upstream.ts'), ADDRESSES.upstreamVip, '53']), /ready/)
    await lab.node.exec('nft', ['delete', 'table', 'ip', 'kube-proxy'])
    try {
      const agent = await start('-localip', [ADDRESSES.linkLocal, ADDRESSES.vip].join(','))
      assert.match(agent.output, /event="proxy mode detected" mode=ipvs why="the link kube-ipvs0 exists"/)
      assert.match(agent.output, /event="addresses left to IPVS" addresses=10\.96\.0\.10/)
      assert.doesNotMatch(agent.output, /address added" address=10\.96\.0\.10/)
      agent.child.kill('SIGKILL')
      await until(async () => !(await ruleset()).includes('inet hearth-'), PATIENCE_MS)
      for (const host of [lab.pod, lab.node]) assert.equal((await host.exec('dig', ['+time=2', '+tries=2', '+short', `@${ADDRESSES.linkLocal}`, 'www.example.com'])).trim(), '198.51.100.10', host.name)
    } finally {
      await server.stop()
      await lab.node.exec('ip', ['link', 'del', 'kube-ipvs0'])
      await lab.translate('nftables')
    }
  })

  test('where Services are translated in eBPF there are no rules, and it is said why and what to do', async () => {
    // A bridge stands in for Cilium's link.
    await lab.node.exec('sh', ['-c', 'ip link add cilium_host type bridge; nft delete table ip kube-proxy; nft delete table ip6 kube-proxy'])
    try {
      // The upstream by its endpoint, as Cilium would make of its address.
      const agent = await lab.startAgent(['-localip', ADDRESSES.linkLocal], /ready \(/, { KUBE_DNS_UPSTREAM_SERVICE_HOST: ADDRESSES.cluster })
      agents.push(agent)
      assert.match(agent.output, /event="proxy mode detected" mode=ebpf why="the link cilium_host exists, and nothing of kube-proxy"/)
      assert.match(agent.output, /event="no rules" why="Services are translated before rules see them" remedy="give pods the link-local address/)
      assert.equal(await dig(ADDRESSES.linkLocal), '10.96.20.1')
      assert.doesNotMatch(await ruleset(), /hearth-/)
      assert.match((await tool('status')).text, /^proxy mode +ebpf: the link cilium_host exists/m)
    } finally {
      await lab.node.exec('ip', ['link', 'del', 'cilium_host'])
      await lab.translate('nftables')
    }
  })
})
