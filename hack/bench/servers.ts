import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** As the images start Node; a test compares them. */
export const NODE_FLAGS = {
  'hearth-node': ['--max-semi-space-size=2', '--v8-pool-size=1', '--max-old-space-size-percentage=45', '--expose-gc'],
  'hearth-cluster': ['--max-semi-space-size=8', '--v8-pool-size=1', '--max-old-space-size-percentage=40', '--expose-gc'],
} as const

const ECHO = fileURLToPath(new URL('./echo.ts', import.meta.url))

export type PeerName = 'echo floor' | 'hearth' | 'hearth, dgram' | 'unbound' | 'dnsdist' | 'dnsmasq' | 'CoreDNS' | 'node-cache'

/** Where a server runs. */
export interface Place {
  readonly folder: string
  readonly bundle: string
  readonly port: number
  readonly upstream: number
}

/** The command of a caching forwarder. Undefined where it is not installed or not named by its environment variable. */
export type Command = (place: Place) => readonly string[]

export const AGENTS: Readonly<Record<PeerName, Command | undefined>> = {
  'echo floor': ({ port }) => [process.execPath, ECHO, String(port)],
  hearth: (place) => hearth(place, 'auto'),
  'hearth, dgram': (place) => hearth(place, 'dgram'),
  unbound: ({ folder, port, upstream }) => unbound(join(folder, 'unbound'), port, `forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@${upstream}\n`),
  dnsdist: ({ folder, port, upstream }) => {
    const conf = join(folder, 'dnsdist.conf')
    writeFileSync(conf, `setLocal("127.0.0.1:${port}")\nnewServer("127.0.0.1:${upstream}"):setUp()\ngetPool(""):setCache(newPacketCache(20000, { maxTTL = 86400 }))\nsetSecurityPollSuffix("")\n`)
    return ['dnsdist', '--supervised', '--disable-syslog', '-C', conf]
  },
  dnsmasq: ({ port, upstream }) => ['dnsmasq', '-k', '-p', String(port), '-a', '127.0.0.1', '-z', '-R', '-h', '-c', '10000', '-C', '/dev/null', '-u', 'root', '-S', `127.0.0.1#${upstream}`, '--dns-forward-max=1000'],
  CoreDNS: process.env['BENCH_COREDNS'] === undefined ? undefined : (place) => [process.env['BENCH_COREDNS']!, '-conf', corefile(place, 'CoreDNS', forwarder), '-dns.port', String(place.port)],
  'node-cache': process.env['BENCH_NODE_CACHE'] === undefined ? undefined : (place) => [
    process.env['BENCH_NODE_CACHE']!, '-localip', '127.0.0.1', '-conf', corefile(place, 'node-cache', forwarder), '-setupinterface=false', '-setupiptables=false', '-metrics-listen-address', '127.0.0.1:0', '-basecorefile', join(place.folder, 'none'),
  ],
}

/** Programs that keep the index of a cluster, by the Corefile that they read. */
export function clusterCommands(bundle: string): readonly (readonly [string, (conf: string) => readonly string[]])[] {
  const coredns = process.env['BENCH_COREDNS']
  return [
    ['hearth', (conf) => [process.execPath, ...NODE_FLAGS['hearth-cluster'], join(bundle, 'hearth-cluster/lib/hearth-cluster.mjs'), '-admin-listen-address', '', '-conf', conf]],
    ...coredns === undefined ? [] : [['CoreDNS', (conf: string) => [coredns, '-conf', conf]] as const],
  ]
}

/** The resolver that an agent asks: a cluster's, for names outside of the cluster. */
export function resolver(name: PeerName, place: Place): readonly string[] {
  const conf = corefile(place, 'resolver', forwarder)
  if (name === 'CoreDNS') return [process.env['BENCH_COREDNS']!, '-conf', conf, '-dns.port', String(place.port)]
  return [process.execPath, ...NODE_FLAGS['hearth-cluster'], '--trace-gc', join(place.bundle, 'hearth-cluster/lib/hearth-cluster.mjs'), '-admin-listen-address', '', '-conf', conf, '-dns.port', String(place.port)]
}

/** The agent in front of a resolver: asks it over TCP, as NodeLocal DNSCache does. */
export function agentOf(name: PeerName, place: Place): readonly string[] {
  if (name === 'CoreDNS') return [...AGENTS['node-cache']!(place)].map((word) => (word.endsWith('node-cache.Corefile') ? corefile(place, 'agent', asker) : word))
  return hearth(place, 'auto', asker)
}

/** What everybody forwards to: an answer of a week for every name below bench.example, and denials below nowhere.example. */
export function upstreamCommand(folder: string, port: number): readonly string[] {
  return unbound(join(folder, 'upstream'), port, '  local-zone: "bench.example." redirect\n  local-data: "bench.example. 604800 IN A 192.0.2.1"\n'
    + '  local-zone: "nowhere.example." static\n  local-data: "nowhere.example. 3600 IN SOA ns.nowhere.example. root.nowhere.example. 1 3600 600 86400 3600"\n')
}

const forwarder = ({ port, upstream }: Place) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    prometheus 127.0.0.1:0\n    cache 3600\n    forward . 127.0.0.1:${upstream}\n    loadbalance\n}\n`
const asker = ({ port, upstream }: Place) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    prometheus 127.0.0.1:0\n    cache 3600\n    forward . 127.0.0.1:${upstream} {\n        force_tcp\n    }\n}\n`

function hearth(place: Place, engine: string, text = forwarder): readonly string[] {
  return [process.execPath, ...NODE_FLAGS['hearth-node'], '--trace-gc', join(place.bundle, 'hearth-node/lib/hearth-node.mjs'), '-engine', engine, '-localip', '127.0.0.1', '-setupinterface=false', '-setupiptables=false',
    '-metrics-listen-address', '', '-admin-listen-address', '', '-basecorefile', join(place.folder, 'none'), '-conf', corefile(place, `hearth-${engine}`, text), '-dns.port', String(place.port)]
}

function corefile(place: Place, name: string, text: (place: Place) => string): string {
  const path = join(place.folder, `${name}.Corefile`)
  writeFileSync(path, text(place))
  return path
}

function unbound(folder: string, port: number, rest: string): readonly string[] {
  mkdirSync(folder, { recursive: true })
  const conf = join(folder, 'unbound.conf')
  writeFileSync(conf, `server:
  interface: 127.0.0.1@${port}
  port: ${port}
  username: ""
  chroot: ""
  directory: "${folder}"
  pidfile: "${join(folder, 'pid')}"
  use-syslog: no
  logfile: ""
  do-daemonize: no
  do-not-query-localhost: no
  module-config: "iterator"
  num-threads: 1
  so-reuseport: no
  so-rcvbuf: 4m
  outgoing-range: 4096
  num-queries-per-thread: 4096
  msg-cache-size: 64m
  rrset-cache-size: 128m
  incoming-num-tcp: 1000
  outgoing-num-tcp: 500
${rest}remote-control:
  control-enable: no
`)
  return ['unbound', '-d', '-c', conf]
}
