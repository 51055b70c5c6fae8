import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'

const skip = lacks({ root: true, commands: ['dig', 'kdig', 'nft', 'conntrack', 'iptables-nft-save', 'ip', 'getent'] })

describe('the agent between a pod and the cluster on the real kernel', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  before(async () => { lab = await ClusterLab.open() })
  after(async () => lab?.close())

  const dig = (...args: string[]) => lab.pod.exec('dig', ['+time=5', '+tries=3', ...args])

  test('a pod gets services, pods, pointers and outside names through the agent, and from its cache the second time', async () => {
    const agent = await lab.startAgent()
    const short = async (...args: string[]) => (await dig('+short', `@${ADDRESSES.vip}`, ...args)).trim().split('\n').sort().join(' ')
    assert.equal(await short('web.shop.svc.cluster.local'), '10.96.20.1')
    assert.equal(await short('web.shop.svc.cluster.local', 'AAAA'), 'fd00:10:96::1')
    assert.equal(await short('_http._tcp.web.shop.svc.cluster.local', 'SRV'), '0 50 80 web.shop.svc.cluster.local.')
    assert.equal(await short('-x', '10.96.20.1'), 'web.shop.svc.cluster.local.')
    assert.equal(await short('orders-db.data.svc.cluster.local'), '10.244.3.10 10.244.3.11')
    assert.equal(await short('www.example.com'), '198.51.100.10')
    assert.equal((await dig('+short', `@${ADDRESSES.linkLocal}`, 'web.shop.svc.cluster.local')).trim(), '10.96.20.1')
    assert.match(await dig(`@${ADDRESSES.vip}`, 'nobody.shop.svc.cluster.local'), /status: NXDOMAIN[\s\S]*SOA/)
    const again = await dig(`@${ADDRESSES.vip}`, '+norec', 'web.shop.svc.cluster.local')
    assert.match(again, /flags: qr aa/)
    await agent.stop()
  })

  test('large answers are cut over UDP and whole over TCP, over IPv4 and IPv6', async () => {
    const agent = await lab.startAgent()
    const cut = await dig('+ignore', '+noedns', `@${ADDRESSES.vip}`, 'big.data.svc.cluster.local')
    assert.match(cut, /flags: qr[^;]* tc/)
    assert.equal((await dig('+short', `@${ADDRESSES.vip}`, 'big.data.svc.cluster.local')).trim().split('\n').length, 120, 'dig asks again over TCP')
    assert.equal((await dig('+short', '+tcp', `@${ADDRESSES.vip6}`, 'big.data.svc.cluster.local')).trim().split('\n').length, 120)
    assert.equal((await dig('+short', `@${ADDRESSES.vip6}`, 'web.shop.svc.cluster.local')).trim(), '10.96.20.1')
    assert.match(await lab.pod.exec('kdig', ['+timeout=2', `@${ADDRESSES.vip}`, 'web.shop.svc.cluster.local']), /10\.96\.20\.1/)
    await agent.stop()
  })

  test('glibc finds names through the search list with ndots:5', async () => {
    const agent = await lab.startAgent()
    assert.match(await lab.getent('web'), /^10\.96\.20\.1 /)
    assert.match(await lab.getent('queue.data'), /^10\.96\.30\.2 /)
    assert.match(await lab.getent('www.example.com'), /^198\.51\.100\.10 /)
    await agent.stop()
  })

  test('DNS between pod and agent leaves no entry in connection tracking', async () => {
    const agent = await lab.startAgent()
    await lab.node.exec('conntrack', ['-F'])
    await dig(`@${ADDRESSES.vip}`, 'cart.shop.svc.cluster.local')
    await dig('+tcp', `@${ADDRESSES.linkLocal}`, 'cart.shop.svc.cluster.local')
    await dig(`@${ADDRESSES.vip6}`, 'cart.shop.svc.cluster.local')
    const entries = (await lab.node.exec('conntrack', ['-L']) + await lab.node.exec('conntrack', ['-L', '-f', 'ipv6'])).split('\n').filter((line) => line.includes('dport=53 ') && line.includes(ADDRESSES.pod.slice(0, 9)))
    assert.deepEqual(entries, [])
    await agent.stop()
  })

  test('the rules are those of the specification, marked as ours, and iptables-nft works beside them', async () => {
    const agent = await lab.startAgent()
    const rules = await lab.node.exec('nft', ['list', 'ruleset'])
    for (const address of [ADDRESSES.linkLocal, ADDRESSES.vip]) {
      for (const protocol of ['udp', 'tcp']) {
        assert.match(rules, new RegExp(`ip daddr ${address} ${protocol} dport 53 .*notrack comment "hearth-node`))
        assert.match(rules, new RegExp(`ip saddr ${address} ${protocol} sport 53 .*notrack`))
      }
    }
    assert.match(rules, new RegExp(`ip6 daddr ${ADDRESSES.vip6} udp dport 53 .*notrack`))
    assert.match(rules, /tcp dport 8080 .*notrack/)
    const saved = await lab.node.exec('iptables-nft-save', [])
    await lab.node.exec('sh', ['-c', `printf '*filter\\n:INPUT ACCEPT [0:0]\\n-A INPUT -p tcp --dport 9999 -j DROP\\nCOMMIT\\n' | iptables-nft-restore --noflush`])
    assert.match(await lab.node.exec('iptables-nft-save', []), /--dport 9999 -j DROP/)
    assert.equal(typeof saved, 'string')
    assert.equal((await dig('+short', `@${ADDRESSES.vip}`, 'web.shop.svc.cluster.local')).trim(), '10.96.20.1')
    await agent.stop()
  })

  test('addresses removed by somebody else are back within a second', async () => {
    const agent = await lab.startAgent()
    await lab.node.exec('ip', ['addr', 'del', `${ADDRESSES.linkLocal}/32`, 'dev', 'lo'])
    const end = Date.now() + 2000
    while (!(await lab.node.exec('ip', ['addr', 'show', 'lo'])).includes(ADDRESSES.linkLocal)) assert.ok(Date.now() < end, 'the address is not back')
    await agent.stop()
  })

  test('SIGTERM takes rules and addresses back, and the cluster answers instead', async () => {
    const agent = await lab.startAgent()
    await agent.stop()
    assert.equal(agent.child.exitCode, 0, agent.output)
    assert.doesNotMatch(await lab.node.exec('nft', ['list', 'ruleset']), /inet hearth-/)
    assert.doesNotMatch(await lab.node.exec('ip', ['addr', 'show', 'lo']), /169\.254\.20\.10|10\.96\.0\.10|fd00:10:96::a/)
    assert.equal((await dig('+short', `@${ADDRESSES.vip}`, 'web.shop.svc.cluster.local')).trim(), '10.96.20.1')
  })

  test('while it leaves, a client that gets the port of one of its probes is answered by the cluster', async () => {
    const agent = await lab.startAgent()
    const ports = new Set([...(await lab.node.exec('nft', ['list', 'ruleset'])).matchAll(/udp probe from port (\d+)/g)].map(([, port]) => port!))
    assert.ok(ports.size >= 4, 'probes have rules')
    agent.child.kill('SIGTERM')
    await until(() => agent.output.includes('why="this agent leaves"'))
    const answers = await Promise.all([...ports].map((port) => lab.node.exec('dig', ['+short', '+time=2', '+tries=1', '-b', `0.0.0.0#${port}`, `@${ADDRESSES.vip}`, 'web.shop.svc.cluster.local'])))
    assert.deepEqual([...new Set(answers)], ['10.96.20.1\n'])
    await agent.stop()
  })

  test('SIGKILL takes the rules with it, and the cluster answers the next query', async () => {
    const agent = await lab.startAgent()
    agent.child.kill('SIGKILL')
    await new Promise((resolve) => agent.child.once('exit', resolve))
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.doesNotMatch(await lab.node.exec('nft', ['list', 'ruleset']), /inet hearth-/)
    assert.equal((await dig('+short', `@${ADDRESSES.vip}`, 'web.shop.svc.cluster.local')).trim(), '10.96.20.1')
    const next = await lab.startAgent()
    await next.stop()
  })

  test('two agents on one node: the one that leaves first leaves the addresses to the other', async () => {
    const first = await lab.startAgent()
    const second = await lab.startAgent()
    await first.stop()
    assert.match(await lab.node.exec('ip', ['addr', 'show', 'lo']), /169\.254\.20\.10/)
    assert.equal((await dig('+short', `@${ADDRESSES.vip}`, 'web.shop.svc.cluster.local')).trim(), '10.96.20.1')
    await second.stop()
    assert.doesNotMatch(await lab.node.exec('ip', ['addr', 'show', 'lo']), /169\.254\.20\.10/)
  })
})
