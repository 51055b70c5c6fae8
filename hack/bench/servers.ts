import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OBJECTS = fileURLToPath(new URL('../demo/objects', import.meta.url))

/** What a server has to do: how queries are made, and what each kind of server needs to answer them. */
export interface Workload {
  readonly name: string
  /** Which of our programs does this work. */
  readonly program: 'hearth-node' | 'hearth-cluster'
  readonly protocol: 'udp' | 'tcp'
  /** Names of a query file; `unique` never repeats one. */
  readonly names: 'shop' | 'few' | 'unique'
  readonly corefile: (port: number, upstream: number) => string
  /** The `server:` part and more of unbound.conf. */
  readonly unbound: (upstream: number) => string
}

/** As the images start Node; a test compares them. */
export const NODE_FLAGS = '--max-semi-space-size=8'

/** Services of hack/demo/objects. */
export const SHOP = ['cart', 'checkout', 'search', 'images'].map((service) => `${service}.shop.svc.cluster.local`)

const forwardZone = (upstream: number, tcp: boolean) => `forward-zone:\n  name: "."\n  forward-addr: 127.0.0.1@${upstream}\n  forward-tcp-upstream: ${tcp ? 'yes' : 'no'}\n`

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'cluster: names of Services', program: 'hearth-cluster', protocol: 'udp', names: 'shop',
    corefile: (port) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    kubernetes cluster.local {\n        objects ${OBJECTS}\n    }\n    cache 30\n    loadbalance\n}\n`,
    unbound: () => SHOP.map((name) => `  local-data: "${name}. 5 IN A 10.96.0.1"\n`).join(''),
  },
  {
    name: 'cluster: cached names', program: 'hearth-cluster', protocol: 'udp', names: 'few',
    corefile: (port, upstream) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    cache 3600\n    forward . 127.0.0.1:${upstream}\n}\n`,
    unbound: (upstream) => forwardZone(upstream, false),
  },
  {
    name: 'cluster: cached names over TCP', program: 'hearth-cluster', protocol: 'tcp', names: 'few',
    corefile: (port, upstream) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    cache 3600\n    forward . 127.0.0.1:${upstream}\n}\n`,
    unbound: (upstream) => forwardZone(upstream, false),
  },
  {
    name: 'cluster: misses, to an upstream over UDP', program: 'hearth-cluster', protocol: 'udp', names: 'unique',
    corefile: (port, upstream) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    cache 30\n    forward . 127.0.0.1:${upstream}\n}\n`,
    unbound: (upstream) => forwardZone(upstream, false),
  },
  {
    name: 'node: cached names', program: 'hearth-node', protocol: 'udp', names: 'few',
    corefile: (port, upstream) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    cache 3600\n    forward . 127.0.0.1:${upstream} {\n        force_tcp\n    }\n}\n`,
    unbound: (upstream) => forwardZone(upstream, true),
  },
  {
    name: 'node: misses, to the cluster over TCP', program: 'hearth-node', protocol: 'udp', names: 'unique',
    corefile: (port, upstream) => `.:${port} {\n    bind 127.0.0.1\n    errors\n    cache 30\n    forward . 127.0.0.1:${upstream} {\n        force_tcp\n    }\n}\n`,
    unbound: (upstream) => forwardZone(upstream, true),
  },
]

/** A kind of server, and the command that runs it on a workload. */
export interface Peer {
  readonly name: string
  command(folder: string, workload: Workload, port: number, upstream: number): readonly string[]
}

export function ours(program: Workload['program'], bundle: string): Peer {
  return {
    name: program,
    command(folder, workload, port, upstream) {
      const conf = join(folder, 'Corefile')
      writeFileSync(conf, workload.corefile(port, upstream))
      const node = program === 'hearth-node' ? ['-localip', '127.0.0.1', '-setupinterface=false', '-setupiptables=false', '-metrics-listen-address', '', '-basecorefile', join(folder, 'none')] : []
      return [process.execPath, NODE_FLAGS, join(bundle, program, 'lib', `${program}.mjs`), '-conf', conf, '-dns.port', String(port), ...node]
    },
  }
}

/** A program that reads the same Corefile; manifests are not among what it can. */
export function corefilePeer(name: string, command: string): Peer {
  return {
    name,
    command(folder, workload, port, upstream) {
      const conf = join(folder, `${name}.Corefile`)
      const hosts = `hosts {\n${SHOP.map((each, i) => `        10.96.0.${i + 1} ${each}`).join('\n')}\n    }`
      writeFileSync(conf, workload.corefile(port, upstream).replace(/kubernetes cluster\.local \{\s+objects .*\s+\}/, hosts))
      return command.replaceAll('{conf}', conf).replaceAll('{port}', String(port)).split(' ')
    },
  }
}

export const UNBOUND: Peer = {
  name: 'unbound',
  command(folder, workload, port, upstream) {
    return unbound(join(folder, 'unbound'), port, workload.unbound(upstream))
  },
}

/** What everybody forwards to: an answer of a week for every name below bench.example. */
export function upstreamCommand(folder: string, port: number): readonly string[] {
  return unbound(join(folder, 'upstream'), port, '  local-zone: "bench.example." redirect\n  local-data: "bench.example. 604800 IN A 192.0.2.1"\n')
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
