/** Rules like those of kube-proxy, for the addresses that the lab has. */
import type { Host } from '../../hack/lab/host.ts'

export type Flavour = 'nftables' | 'iptables'

export interface Service {
  readonly vip: string
  readonly endpoint: string
}

export async function likeKubeProxy(node: Host, flavour: Flavour, services: readonly Service[]): Promise<void> {
  if (flavour === 'nftables') return node.configure([{ do: 'dnat', services }])
  for (const v6 of [false, true]) {
    const mine = services.filter(({ vip }) => vip.includes(':') === v6)
    await node.exec('sh', ['-c', `${v6 ? 'ip6' : 'ip'}tables-nft-restore <<'END'\n${iptablesRules(mine)}END\n`])
  }
}

/** As kube-proxy has them in iptables mode: KUBE-SERVICES, a chain a Service, a chain an endpoint, and marks to masquerade. */
function iptablesRules(services: readonly Service[]): string {
  const rules = services.flatMap(({ vip, endpoint }, i) => {
    const target = endpoint.includes(':') ? `[${endpoint}]:53` : `${endpoint}:53`
    return ['udp', 'tcp'].flatMap((protocol) => {
      const id = `${protocol.toUpperCase()}${i}`
      return [
        `-A KUBE-SERVICES -d ${vip} -p ${protocol} -m comment --comment "dns cluster IP" -m ${protocol} --dport 53 -j KUBE-SVC-${id}`,
        `-A KUBE-SVC-${id} -m comment --comment "dns -> ${endpoint}" -j KUBE-SEP-${id}`,
        `-A KUBE-SEP-${id} -p ${protocol} -m ${protocol} -j DNAT --to-destination ${target}`,
      ]
    })
  })
  const chains = services.flatMap((_, i) => ['UDP', 'TCP'].flatMap((protocol) => [`:KUBE-SVC-${protocol}${i} - [0:0]`, `:KUBE-SEP-${protocol}${i} - [0:0]`]))
  return [
    '*nat', ':KUBE-SERVICES - [0:0]', ':KUBE-POSTROUTING - [0:0]', ...chains,
    '-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES',
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
    '-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000',
    '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
    ...rules, 'COMMIT', '',
  ].join('\n')
}

/** What kube-proxy restores when a cluster has so many Services, and the command that reads it. */
export function manyServices(flavour: Flavour, count: number): { readonly text: string; readonly command: string; readonly args: readonly string[] } {
  const numbers = Array.from({ length: count }, (_, i) => i)
  return flavour === 'iptables'
    ? { text: manyForIptables(numbers), command: 'iptables-nft-restore', args: ['--noflush'] }
    : { text: manyForNft(numbers), command: 'nft', args: ['-f'] }
}

const vip = (i: number) => `10.97.${i >> 8}.${i & 0xff}`

/** A map from address to chain, a chain a Service and one an endpoint. */
function manyForNft(numbers: readonly number[]): string {
  return [
    'table ip kube-proxy-many {',
    ...numbers.flatMap((i) => [
      ` chain endpoint-${i} { meta l4proto tcp dnat to 10.244.9.${i & 0xff}:8080; }`,
      ` chain service-${i} { jump endpoint-${i}; }`,
    ]),
    ' map service-ips { type ipv4_addr . inet_proto . inet_service : verdict',
    `  elements = { ${numbers.map((i) => `${vip(i)} . tcp . 80 : goto service-${i}`).join(', ')} } }`,
    ' chain services { type nat hook prerouting priority -100; ip daddr . meta l4proto . th dport vmap @service-ips; }',
    '}', '',
  ].join('\n')
}

function manyForIptables(numbers: readonly number[]): string {
  return [
    '*nat', ...numbers.flatMap((i) => [`:KUBE-SVC-X${i} - [0:0]`, `:KUBE-SEP-X${i} - [0:0]`]),
    ...numbers.flatMap((i) => [
      `-A KUBE-SERVICES -d ${vip(i)} -p tcp -m tcp --dport 80 -j KUBE-SVC-X${i}`,
      `-A KUBE-SVC-X${i} -j KUBE-SEP-X${i}`,
      `-A KUBE-SEP-X${i} -p tcp -m tcp -j DNAT --to-destination 10.244.9.${i & 0xff}:8080`,
    ]),
    'COMMIT', '',
  ].join('\n')
}
