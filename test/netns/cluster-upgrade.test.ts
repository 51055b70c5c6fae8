/**
 * The cluster's resolver is replaced under load: two of it behind a translation that follows their readiness, as kube-proxy's does. Asked
 * by the node's pods directly, without an agent.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Host } from '../../hack/lab/host.ts'
import { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { assertAnswered, Load } from './load.ts'
import { now } from './monotonic.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'curl', 'conntrack'] })
const MAIN = fileURLToPath(new URL('../../cmd/hearth-cluster/main.ts', import.meta.url))
const VIP = '10.96.0.10'
const RESOLVERS = ['10.244.2.10', '10.244.2.11'] as const
/** A socket for each question at the whole load fills a machine of two cores, so that it is asked for: HEARTH_WHOLE_LOAD=1. */
const LOAD = process.env['HEARTH_WHOLE_LOAD'] === undefined ? { upgrades: 4, perSecond: 500, connections: 50 } : { upgrades: 10, perSecond: 5000, connections: 200 }
const UPGRADES = LOAD.upgrades
/** A reply that is on its way when its entry in connection tracking goes is lost: those of two milliseconds, each time. */
const LOST_WITH_ENTRIES = Math.ceil(LOAD.perSecond / 500)
/** Between the order to a Pod to end and the last node's new rules. */
const ENDPOINT_LAG_MS = 4000
const OPTIONS = { addresses: [VIP], name: 'web.shop.svc.cluster.local', perSecond: LOAD.perSecond, freshPorts: true, connections: LOAD.connections, tcpEveryMs: 1000 }

describe('upgrades of the cluster\'s resolver', { skip, concurrency: false }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-cluster-upgrade-'))
  const hosts: Host[] = []
  const running = new Map<string, Resident>()
  let pod: Host
  let node: Host
  let cluster: Host
  let load: Load
  before(async () => {
    for (const name of ['pod', 'node', 'cluster']) hosts.push(await Host.open(name))
    ;[pod, node, cluster] = hosts as [Host, Host, Host]
    await node.configure([
      { do: 'up', link: 'lo' }, { do: 'veth', link: 'to-pod', peer: 'eth0', pid: pod.pid }, { do: 'veth', link: 'to-cluster', peer: 'eth0', pid: cluster.pid },
      { do: 'address', link: 'to-pod', address: '10.244.1.1/24' }, { do: 'address', link: 'to-cluster', address: '10.244.2.1/24' },
      { do: 'up', link: 'to-pod' }, { do: 'up', link: 'to-cluster' }, { do: 'forward' },
    ])
    await pod.configure([{ do: 'up', link: 'lo' }, { do: 'up', link: 'eth0' }, { do: 'address', link: 'eth0', address: '10.244.1.5/24' }, { do: 'route', via: '10.244.1.1' }])
    await cluster.configure([
      { do: 'up', link: 'lo' }, { do: 'up', link: 'eth0' }, ...RESOLVERS.map((address) => ({ do: 'address', link: 'eth0', address: `${address}/24` } as const)), { do: 'route', via: '10.244.2.1' },
    ])
    running.set(RESOLVERS[0], await start(RESOLVERS[0]))
    await follow()
    load = await Load.start([pod], [cluster], OPTIONS)
    await new Promise((resolve) => setTimeout(resolve, 1000))
  })
  after(async () => {
    await load?.stop()
    for (const resident of running.values()) await resident.stop()
    for (const host of hosts) await host.close()
    rmSync(folder, { recursive: true })
  })

  const start = (address: string, lameduck = '3s') => {
    const corefile = join(folder, `Corefile.${address}`)
    const objects = fileURLToPath(new URL('../../hack/demo/objects', import.meta.url))
    writeFileSync(corefile, `.:53 {\n    bind ${address}\n    health ${address}:8080 { lameduck ${lameduck} }\n    ready ${address}:8181\n    kubernetes cluster.local {\n        objects ${objects}\n    }\n    cache 30\n}\n`)
    return Resident.start(`hearth-cluster at ${address}`, cluster.spawn(process.execPath, [MAIN, '-conf', corefile]), /ready \(/)
  }

  const readiness = (address: string) => cluster.exec('curl', ['-s', '-o', '/dev/null', '-m', '2', '-w', '%{http_code}', `http://${address}:8181/ready`]).catch(() => '000')

  /** What the kubelet, the EndpointSlice controller and kube-proxy do together: new flows go to the one that has become ready last. */
  const follow = async () => {
    const ready: string[] = []
    for (const address of running.keys()) {
      if (await readiness(address) === '200') ready.push(address)
    }
    assert.ok(ready.length > 0, 'somebody is ready')
    const to = ready.at(-1)!
    await node.configure([{ do: 'dnat', services: [{ vip: VIP, endpoint: to }] }])
    return to
  }

  test(`${UPGRADES} in a row lose no question over UDP, and no name of a client that asks again after a clean close`, async () => {
    const dropped = await load.dropped()
    const from = now()
    for (let i = 0; i < UPGRADES; i++) {
      const [[oldAddress, old]] = [...running] as [[string, Resident]]
      const address = RESOLVERS.find((each) => each !== oldAddress)!
      running.set(address, await start(address))
      while (await follow() !== address) await new Promise((resolve) => setTimeout(resolve, 50))
      const ended = old.stop()
      running.delete(oldAddress)
      await follow()
      // As kube-proxy does: ports that are used again would find the entry of an earlier flow, and with it the resolver that leaves.
      await node.exec('sh', ['-c', `conntrack -D -p udp --reply-src ${oldAddress} >/dev/null 2>&1 || true`])
      await ended
      assert.equal(old.child.exitCode, 0, old.output)
    }
    const to = now()
    const observed = await load.observe()
    assertAnswered(observed, from, to, await load.dropped() - dropped + UPGRADES * LOST_WITH_ENTRIES, 'upgrades')
    assert.deepEqual(observed.flatMap((each) => each.tcpLost.filter((at) => at >= from && at < to)), [], 'questions on connections that were reset')
    assert.ok(observed.every((each) => each.ends.some((end) => end.how === 'clean' && end.at >= from && end.at < to)), 'connections ended cleanly')
  })

  test('endpoints that lag behind by four seconds lose none with the lameduck of the manifests: not ready at once, and answering until they are followed', async () => {
    const manifest = readFileSync(fileURLToPath(new URL('../../manifests/cluster/base/configmap.yaml', import.meta.url)), 'utf8')
    const [, lameduck] = /lameduck (\d+s)/.exec(manifest)!
    const [[oldAddress, former]] = [...running] as [[string, Resident]]
    const address = RESOLVERS.find((each) => each !== oldAddress)!
    running.set(address, await start(address, lameduck))
    while (await follow() !== address) await new Promise((resolve) => setTimeout(resolve, 50))
    running.delete(oldAddress)
    await former.stop()
    // The other way round now: this one has the lameduck, and all flows.
    const next = await start(oldAddress)
    const dropped = await load.dropped()
    const from = now()
    const ended = running.get(address)!.stop()
    const leavingAt = now()
    while (await readiness(address) === '200') assert.ok(now() - leavingAt < 2000, 'not ready at once')
    await new Promise((resolve) => setTimeout(resolve, ENDPOINT_LAG_MS - (now() - leavingAt)))
    running.set(oldAddress, next)
    running.delete(address)
    await follow()
    await node.exec('sh', ['-c', `conntrack -D -p udp --reply-src ${address} >/dev/null 2>&1 || true`])
    await ended
    await new Promise((resolve) => setTimeout(resolve, 500))
    const observed = await load.observe()
    assertAnswered(observed, from, now() - 3000, await load.dropped() - dropped + LOST_WITH_ENTRIES, 'lagging endpoints')
  })
})
