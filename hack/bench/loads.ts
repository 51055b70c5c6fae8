import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PeerName } from './servers.ts'

/** What is asked, of whom, and how fast. */
export interface LoadKind {
  readonly name: string
  readonly title: string
  readonly protocol: 'udp' | 'tcp'
  /** Queries a second; 0 for as many as the server answers. */
  readonly rates: readonly number[]
  /** A file of `writeQueries`. */
  readonly queries: string
  /** Asked beforehand, so that caches are full and compilers have seen the work. */
  readonly warm: string
  /** Rows of the table; those left out cannot do it or would measure the same again. */
  readonly peers: readonly PeerName[]
  /** Agent and resolver, of which both are measured. */
  readonly pair: boolean
}

const FEW = 1000
/** Enough that none is asked twice. */
const UNIQUE = 1_500_000

export const LOADS: readonly LoadKind[] = [
  {
    name: 'hits', title: 'cached answers over UDP', protocol: 'udp', rates: [0, 200, 1000, 5000, 20_000, 50_000], queries: 'few', warm: 'few', pair: false,
    peers: ['echo floor', 'hearth', 'hearth, dgram', 'unbound', 'dnsdist', 'dnsmasq', 'CoreDNS', 'node-cache'],
  },
  { name: 'tcp', title: 'cached answers over TCP', protocol: 'tcp', rates: [0], queries: 'few', warm: 'few', pair: false, peers: ['hearth', 'unbound', 'dnsdist', 'CoreDNS', 'node-cache'] },
  { name: 'search', title: 'search lists: one answer, four denials', protocol: 'udp', rates: [0], queries: 'search', warm: 'search', pair: false, peers: ['hearth', 'unbound', 'dnsmasq', 'CoreDNS', 'node-cache'] },
  { name: 'nxdomain', title: 'a flood of names that do not exist', protocol: 'udp', rates: [0], queries: 'nowhere', warm: 'nowhere-warm', pair: false, peers: ['hearth', 'unbound', 'CoreDNS', 'node-cache'] },
  { name: 'miss', title: 'misses through agent and resolver', protocol: 'udp', rates: [0, 1000], queries: 'unique', warm: 'unique-warm', pair: true, peers: ['hearth', 'CoreDNS'] },
]

/** Files of lines `NAME TYPE`. */
export function writeQueries(folder: string): void {
  const write = (file: string, count: number, line: (i: number) => string) => writeFileSync(join(folder, `${file}.txt`), Array.from({ length: count }, (_, i) => `${line(i)}\n`).join(''))
  write('few', FEW, (i) => `n${i}.bench.example A`)
  const search = ['shop.svc.cluster.local.nowhere.example', 'svc.cluster.local.nowhere.example', 'cluster.local.nowhere.example', 'nowhere.example', 'bench.example']
  write('search', FEW, (i) => `s${Math.floor(i / 5)}.${search[i % 5]} ${i % 2 === 0 ? 'A' : 'AAAA'}`)
  write('nowhere', UNIQUE, (i) => `u${i}.nowhere.example A`)
  write('nowhere-warm', UNIQUE / 5, (i) => `w${i}.nowhere.example A`)
  write('unique', UNIQUE, (i) => `u${i}.bench.example A`)
  write('unique-warm', UNIQUE / 5, (i) => `w${i}.bench.example A`)
}
