/** Runs inside a namespace: does the operations given as JSON in the first argument, in order. */
import { writeFileSync } from 'node:fs'
import { parseIp, parsePrefix } from '../../src/base/ip.ts'
import { destinationIs, destinationNat, destinationPortIs, protocolIs } from '../../src/netlink/expressions.ts'
import type { RuleSpec } from '../../src/netlink/nft-messages.ts'
import { Nftables } from '../../src/netlink/nftables.ts'
import { Rtnetlink } from '../../src/netlink/rtnetlink.ts'

export type Operation =
  | { readonly do: 'up'; readonly link: string }
  /** A pair of links, the other end in the namespace of `pid`. */
  | { readonly do: 'veth'; readonly link: string; readonly peer: string; readonly pid: number }
  | { readonly do: 'address'; readonly link: string; readonly address: string }
  /** `to` undefined: the default route. */
  | { readonly do: 'route'; readonly to?: string; readonly via: string }
  | { readonly do: 'forward' }
  /** As kube-proxy does it: DNS for a Service's address goes to an endpoint. */
  | { readonly do: 'dnat'; readonly services: readonly { readonly vip: string; readonly endpoint: string }[] }

/** Before kube-proxy's and after connection tracking, as kube-proxy has it. */
const DSTNAT_PRIORITY = -100

export async function configure(operations: readonly Operation[]): Promise<void> {
  const routes = new Rtnetlink()
  try {
    for (const operation of operations) await apply(operation, routes)
  } finally {
    routes.close()
  }
}

async function apply(operation: Operation, routes: Rtnetlink): Promise<void> {
  switch (operation.do) {
    case 'up': return routes.setUp(await indexOf(routes, operation.link))
    case 'veth': return routes.addVeth(operation.link, { name: operation.peer, pid: operation.pid })
    case 'address': {
      const prefix = parsePrefix(operation.address)!
      return routes.addAddress({ link: await indexOf(routes, operation.link), ...prefix, host: false })
    }
    case 'route': {
      const destination = operation.to === undefined ? undefined : { link: 0, ...parsePrefix(operation.to)! }
      return routes.addRoute({ ...(destination === undefined ? {} : { destination }), gateway: parseIp(operation.via)! })
    }
    case 'forward':
      writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
      return writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1')
    case 'dnat': return translate(operation.services)
  }
}

/** One table a family, since translation in `inet` tables is younger than kube-proxy. */
async function translate(services: readonly { vip: string; endpoint: string }[]): Promise<void> {
  const nftables = new Nftables()
  for (const family of ['ip', 'ip6'] as const) {
    const wanted = services.filter((service) => service.vip.includes(':') === (family === 'ip6'))
    if (wanted.length === 0) continue
    const rules = wanted.flatMap(({ vip, endpoint }) => (['udp', 'tcp'] as const).map((protocol): RuleSpec => ({
      comment: `demo of kube-proxy: ${vip} to ${endpoint}`,
      expressions: [...destinationIs(parseIp(vip)!), ...protocolIs(protocol), ...destinationPortIs(53), ...destinationNat(parseIp(endpoint)!, 53)],
    })))
    await nftables.replaceTable({
      family,
      name: 'kube-proxy',
      sets: [],
      chains: (['prerouting', 'output'] as const).map((hook) => ({ name: `nat-${hook}`, type: 'nat', hook, priority: DSTNAT_PRIORITY, rules })),
    }, { owned: false })
  }
  nftables.close()
}

async function indexOf(routes: Rtnetlink, name: string): Promise<number> {
  const link = await routes.link(name)
  if (link === undefined) throw new Error(`no link ${name}`)
  return link.index
}

const [argument] = process.argv.slice(2)
if (process.argv[1]?.endsWith('configure.ts') === true && argument !== undefined) await configure(JSON.parse(argument) as Operation[])
