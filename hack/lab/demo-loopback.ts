/** The demo without the right to make namespaces: both programs on loopback ports, without addresses and rules of the node. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Resident } from './resident.ts'
import { printTour } from './tour.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const once = process.argv.includes('--once')
const folder = mkdtempSync(join(tmpdir(), 'hearth-demo-'))
const residents: Resident[] = []
let status = 1
try {
  process.stdout.write('No right to make network namespaces: both programs run on loopback ports. Left out: the link-local address, the cluster\'s\n'
    + 'DNS address, the rules that bring a pod\'s queries to the node, and the pod\'s own host.\n')
  const [outside, cluster, node, metrics] = await freePorts(4)
  residents.push(await Resident.spawn('outside', [here('upstream.ts'), '127.0.0.1', String(outside)], {}, /ready/))
  const corefile = readFileSync(here('../demo/cluster.Corefile'), 'utf8').replace(/^\s*(health|ready|prometheus).*\n/gm, '')
  writeFileSync(join(folder, 'cluster.Corefile'), corefile.replace('.:53', `.:${cluster}`))
  const template = readFileSync(here('../demo/node.Corefile.base'), 'utf8').replace(/^\s*health.*\n/gm, '').replaceAll(':53 {', `:${node} {`)
  writeFileSync(join(folder, 'Corefile.base'), template)
  const environment = { DEMO_OBJECTS: here('../demo/objects'), DEMO_UPSTREAM: `127.0.0.1:${outside}`, KUBE_DNS_UPSTREAM_SERVICE_HOST: `127.0.0.1:${cluster}` }
  residents.push(await Resident.spawn('hearth-cluster', [here('../../cmd/hearth-cluster/main.ts'), '-conf', join(folder, 'cluster.Corefile')], environment, /ready \(/))
  residents.push(await Resident.spawn('hearth-node', [
    here('../../cmd/hearth-node/main.ts'), '-localip', '127.0.0.1', '-basecorefile', join(folder, 'Corefile.base'), '-conf', join(folder, 'Corefile'), '-dns.port', String(node),
    '-upstreamsvc', 'kube-dns-upstream', '-setupinterface=false', '-setupiptables=false', '-prometheus-listen-address', `127.0.0.1:${metrics}`, '-metrics-listen-address', '',
  ], environment, /ready \(/))
  const local = { spawn: (command: string, args: readonly string[]) => spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] }) }
  status = await printTour(local, { server: '127.0.0.1', port: node!, metrics: `http://127.0.0.1:${metrics}/metrics`, cluster: `127.0.0.1:${cluster}`, outside: `127.0.0.1:${outside}` })
  if (!once) {
    process.stdout.write(`\nUp. Ask for yourself: dig -p ${node} @127.0.0.1 web.shop.svc.cluster.local\nCtrl-C ends it and leaves nothing behind.\n`)
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
    })
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
} finally {
  for (const resident of residents.toReversed()) await resident.stop()
  rmSync(folder, { recursive: true, force: true })
}
process.exit(status)

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise<ReturnType<typeof createServer>>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server))
  })))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
