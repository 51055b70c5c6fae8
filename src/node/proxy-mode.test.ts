import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { detectMode, type NodeFacts, type ProxyMode } from './proxy-mode.ts'

const NOTHING: NodeFacts = { links: ['lo', 'eth0'], kubeProxyTable: false, kubeServicesChain: false, legacyTables: [] }

const NODES: readonly { readonly title: string; readonly facts: Partial<NodeFacts>; readonly mode: ProxyMode; readonly why: RegExp }[] = [
  { title: 'a link kube-ipvs0', facts: { links: ['lo', 'kube-ipvs0'] }, mode: 'ipvs', why: /kube-ipvs0/ },
  { title: 'IPVS, which uses iptables too', facts: { links: ['kube-ipvs0'], kubeServicesChain: true }, mode: 'ipvs', why: /kube-ipvs0/ },
  { title: 'a table kube-proxy', facts: { kubeProxyTable: true }, mode: 'nftables', why: /table kube-proxy/ },
  { title: 'a chain KUBE-SERVICES', facts: { kubeServicesChain: true }, mode: 'iptables', why: /KUBE-SERVICES/ },
  { title: 'Cilium without kube-proxy', facts: { links: ['cilium_host'] }, mode: 'ebpf', why: /cilium_host/ },
  { title: 'Calico in eBPF mode', facts: { links: ['bpfin.cali'] }, mode: 'ebpf', why: /bpfin/ },
  { title: 'Cilium beside kube-proxy', facts: { links: ['cilium_host'], kubeServicesChain: true }, mode: 'iptables', why: /KUBE-SERVICES/ },
  { title: 'iptables-legacy', facts: { legacyTables: ['filter', 'nat'] }, mode: 'iptables', why: /legacy/ },
  { title: 'nothing', facts: {}, mode: 'none', why: /nothing of kube-proxy/ },
]

describe('who translates Services is seen by', () => {
  for (const { title, facts, mode, why } of NODES) {
    test(`${title}: ${mode}`, () => {
      const found = detectMode({ ...NOTHING, ...facts })
      assert.equal(found.mode, mode)
      assert.match(found.why, why)
    })
  }
})
