import { readFileSync } from 'node:fs'
import type { Nftables } from '../netlink/nftables.ts'
import type { Rtnetlink } from '../netlink/rtnetlink.ts'

/** Who translates Services on this node. */
export type ProxyMode = 'iptables' | 'ipvs' | 'nftables' | 'ebpf' | 'none'
/** As `--proxy-mode` takes it. */
export const PROXY_MODES = ['auto', 'iptables', 'ipvs', 'nftables', 'none'] as const
export type ProxyModeOption = (typeof PROXY_MODES)[number]

/** What detection looks at. */
export interface NodeFacts {
  readonly links: readonly string[]
  /** An nft table `kube-proxy` of family ip or ip6. */
  readonly kubeProxyTable: boolean
  /** A chain `KUBE-SERVICES` in table `ip nat` or `ip6 nat`, as iptables-nft makes them. */
  readonly kubeServicesChain: boolean
  /** Tables of iptables-legacy in this network namespace. */
  readonly legacyTables: readonly string[]
}

export interface Detection {
  readonly mode: ProxyMode
  /** What was seen. */
  readonly why: string
}

export const IPVS_LINK = 'kube-ipvs0'
/** Links of networks that translate Services in eBPF. */
const EBPF_LINKS = /^(?:cilium_host|cilium_net|bpfin\.cali|bpfout\.cali)$/

const SIGNS: readonly { readonly mode: ProxyMode; readonly see: (facts: NodeFacts) => string | undefined }[] = [
  { mode: 'ipvs', see: ({ links }) => (links.includes(IPVS_LINK) ? `the link ${IPVS_LINK} exists` : undefined) },
  { mode: 'nftables', see: ({ kubeProxyTable }) => (kubeProxyTable ? 'the nftables table kube-proxy exists' : undefined) },
  { mode: 'iptables', see: ({ kubeServicesChain }) => (kubeServicesChain ? 'the chain KUBE-SERVICES exists in the nat table' : undefined) },
  { mode: 'ebpf', see: ({ links }) => withLink(links.find((name) => EBPF_LINKS.test(name))) },
  { mode: 'iptables', see: ({ legacyTables }) => (legacyTables.includes('nat') ? 'iptables-legacy has a nat table, whose chains nftables does not show' : undefined) },
]

/** The first sign counts: kube-proxy's own before those of a network that can live beside it. */
export function detectMode(facts: NodeFacts): Detection {
  for (const { mode, see } of SIGNS) {
    const why = see(facts)
    if (why !== undefined) return { mode, why }
  }
  return { mode: 'none', why: 'nothing of kube-proxy is to be seen, nor of a network that replaces it' }
}

export async function readFacts(routes: Rtnetlink, nftables: Nftables): Promise<NodeFacts> {
  const links = (await routes.links()).map((link) => link.name)
  const families = ['ip', 'ip6'] as const
  const tables = await Promise.all(families.map((family) => nftables.tables(family)))
  const chains = await Promise.all(families.map((family) => nftables.chains(family, 'nat')))
  return {
    links,
    kubeProxyTable: tables.flat().includes('kube-proxy'),
    kubeServicesChain: chains.flat().some((chain) => chain.name === 'KUBE-SERVICES'),
    legacyTables: legacyTables(),
  }
}

/** Empty where the kernel has no iptables-legacy. */
export function legacyTables(): string[] {
  return ['/proc/net/ip_tables_names', '/proc/net/ip6_tables_names'].flatMap((path) => {
    try {
      return readFileSync(path, 'utf8').split('\n').filter((name) => name !== '')
    } catch (error) {
      if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
      throw error
    }
  })
}

function withLink(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `the link ${name} exists, and nothing of kube-proxy`
}
