/** glibc in a pod whose nameserver is an IPv6 address of the agent. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { lacks } from '../support/needs.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'

const skip = lacks({ root: true, commands: ['getent', 'nft', 'conntrack'] })

describe('glibc with a nameserver of IPv6', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  before(async () => {
    lab = await ClusterLab.open()
    await lab.startAgent()
  })
  after(async () => lab?.close())

  /** What glibc finds in a pod with this nameserver alone; rejects for a name that it does not find. */
  async function getent(nameserver: string, database: string, name: string): Promise<string> {
    const resolvConf = join(lab.folder, `resolv.${nameserver.replaceAll(':', '-')}`)
    writeFileSync(resolvConf, `search shop.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${nameserver}\noptions ndots:5\n`)
    return lab.pod.exec('unshare', ['--mount', 'sh', '-c', `mount --bind ${resolvConf} /etc/resolv.conf && getent ${database} ${name}`])
  }

  for (const nameserver of [ADDRESSES.vip6, ADDRESSES.linkLocal6]) {
    test(`${nameserver}: both families, the search list, pointers, and names that do not exist`, async () => {
      assert.match(await getent(nameserver, 'ahostsv4', 'web'), /^10\.96\.20\.1 /)
      assert.match(await getent(nameserver, 'ahostsv6', 'web'), /^fd00:10:96::1 /)
      assert.match(await getent(nameserver, 'ahostsv4', 'queue.data'), /^10\.96\.30\.2 /)
      assert.match(await getent(nameserver, 'hosts', '10.96.20.1'), /web\.shop\.svc\.cluster\.local/)
      await assert.rejects(getent(nameserver, 'ahosts', 'nobody.shop'), { code: 2 })
    })
  }

  test('leaves no entry in connection tracking', async () => {
    for (let i = 0; i < 5; i++) await getent(ADDRESSES.vip6, 'ahostsv6', 'web')
    const tracked = await lab.node.exec('conntrack', ['-L', '-f', 'ipv6'])
    assert.equal(tracked.split('\n').filter((line) => line.includes(`dst=${ADDRESSES.vip6} `) && line.includes('dport=53')).length, 0, tracked)
  })
})
