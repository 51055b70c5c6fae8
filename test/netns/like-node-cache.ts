import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Resident } from '../../hack/lab/resident.ts'
import { ADDRESSES, type ClusterLab } from './cluster-lab.ts'

const CLUSTER_MAIN = fileURLToPath(new URL('../../cmd/hearth-cluster/main.ts', import.meta.url))
const OURS = [ADDRESSES.linkLocal, ADDRESSES.vip] as const
const SKIP = '-m comment --comment "NodeLocal DNS Cache: skip conntrack" -j NOTRACK'
const ALLOW = '-m comment --comment "NodeLocal DNS Cache: allow DNS traffic" -j ACCEPT'

/** The twelve rules for each address, with the verb of iptables that makes or deletes them. */
function rules(verb: '-I' | '-D'): string[] {
  return OURS.flatMap((address) => [
    ...['tcp', 'udp'].flatMap((protocol) => [
      `-t raw ${verb} PREROUTING -d ${address} -p ${protocol} --dport 53 ${SKIP}`,
      `-t filter ${verb} INPUT -d ${address} -p ${protocol} --dport 53 ${ALLOW}`,
      `-t raw ${verb} OUTPUT -s ${address} -p ${protocol} --sport 53 ${SKIP}`,
      `-t filter ${verb} OUTPUT -s ${address} -p ${protocol} --sport 53 ${ALLOW}`,
      `-t raw ${verb} OUTPUT -d ${address} -p ${protocol} --dport 53 ${SKIP}`,
    ]),
    `-t raw ${verb} OUTPUT -d ${address} -p tcp --dport 8080 ${SKIP}`,
    `-t raw ${verb} OUTPUT -s ${address} -p tcp --sport 8080 ${SKIP}`,
  ]).map((rule) => `iptables-nft ${rule}`)
}

/** A bridge where the kernel has no dummy links. */
const LINK = ['ip link add nodelocaldns type dummy 2>/dev/null || ip link add nodelocaldns type bridge', ...OURS.map((address) => `ip addr add ${address}/32 dev nodelocaldns`)]

const sh = (lab: ClusterLab, lines: readonly string[]) => lab.node.exec('sh', ['-ec', lines.join('\n')])

/** What a node-cache that was killed has left on the node: its rules and its link. */
export async function leaveRemains(lab: ClusterLab): Promise<void> {
  await sh(lab, [...LINK, ...rules('-I')])
}

/**
 * Stands in for node-cache: the same rules, addresses and order of things, and a server that shares the DNS port as CoreDNS does.
 * Its metrics port is held by nobody: node-cache goes on without when it is taken.
 */
export class LikeNodeCache {
  readonly #lab: ClusterLab
  readonly #server: Resident

  private constructor(lab: ClusterLab, server: Resident) {
    this.#lab = lab
    this.#server = server
  }

  /** Its link and addresses, its sockets, then its rules. */
  static async start(lab: ClusterLab): Promise<LikeNodeCache> {
    await sh(lab, LINK)
    const corefile = join(lab.folder, 'Corefile.like-node-cache')
    writeFileSync(corefile, `.:53 {\n    errors\n    cache 30\n    bind ${OURS.join(' ')}\n    forward . ${ADDRESSES.upstreamVip} {\n        force_tcp\n    }\n}\n`)
    const server = await Resident.start('like node-cache', lab.node.spawn(process.execPath, [CLUSTER_MAIN, '-conf', corefile, '-admin-listen-address', '']), /ready \(/)
    await sh(lab, rules('-I'))
    return new LikeNodeCache(lab, server)
  }

  /** SIGTERM: its rules, its link, then its sockets. Somebody else may have removed some of them. */
  async stop(): Promise<void> {
    await this.#lab.node.exec('sh', ['-c', [...rules('-D'), 'ip link del nodelocaldns'].map((line) => `${line} 2>/dev/null`).join('; ')]).catch(() => undefined)
    await this.#server.stop()
  }

  /** SIGKILL: rules and link stay. */
  async kill(): Promise<void> {
    this.#server.child.kill('SIGKILL')
    if (this.#server.child.exitCode === null && this.#server.child.signalCode === null) await new Promise((resolve) => this.#server.child.once('exit', resolve))
  }
}
