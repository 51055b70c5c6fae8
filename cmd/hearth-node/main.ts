import '../../src/server/early-signals.ts'
import { existsSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../src/base/duration.ts'
import { parseIp } from '../../src/base/ip.ts'
import { NodeAgent } from '../../src/node/agent.ts'
import { expandSample } from '../../src/node/template.ts'
import { PLUGINS, pluginTable } from '../../src/plugins/index.ts'
import { corefileReader } from '../../src/server/corefile-source.ts'
import type { EngineChoice } from '../../src/server/udp-engine.ts'
import { runProgram } from '../../src/server/program.ts'
import { commands } from '../commands/index.ts'
import type { Tool } from '../commands/tool.ts'
import { engineOption, fromGoFlags, listPlugins, portNumber } from '../go-flags.ts'
import { VERSION } from '../version.ts'

const DEFAULT_ADMIN_ADDRESS = '127.0.0.1:9254'
const DEFAULT_KUBE_DNS_FOLDER = '/etc/kube-dns'

interface Options {
  readonly localip: readonly Uint8Array[]
  readonly setupinterface: boolean
  readonly interfacename?: string
  readonly syncinterval: number
  readonly metricsListenAddress: string
  readonly prometheusListenAddress: string
  readonly setupiptables: boolean
  readonly basecorefile: string
  readonly corefile: string
  readonly kubednscm: string
  readonly upstreamsvc: string
  readonly healthPort: number
  readonly skipteardown: boolean
  readonly reloadwithsignal: boolean
  readonly conf?: string
  readonly 'dns.port': number
  readonly pidfile?: string
  readonly engine: EngineChoice
  readonly plugins?: boolean
  readonly quiet: boolean
}

const tool: Tool = { name: 'hearth-node', version: VERSION, plugins: PLUGINS, adminAddress: DEFAULT_ADMIN_ADDRESS, expandTemplate: expandSample }

const command = new Command('hearth-node')
  .description('The DNS cache of a node: a drop-in for NodeLocal DNSCache.')
  .option('--localip <list>', 'addresses to serve, of either family, separated by commas', localIps, [])
  .option('--setupinterface [bool]', 'add the addresses to the node', bool, true)
  .option('--interfacename <name>', 'put the addresses on a dummy link of this name instead of lo')
  .option('--syncinterval <duration>', 'how often rules and addresses are checked', interval, 60_000)
  .option('--metrics-listen-address <address>', 'where the agent serves its own metrics', '0.0.0.0:9353')
  .option('--prometheus-listen-address <address>', 'what __PROMETHEUS__ENDPOINT__ in the template stands for', ':9253')
  .option('--setupiptables [bool]', 'install the rules that bring DNS here (with nftables)', bool, true)
  .option('--basecorefile <file>', 'template of the Corefile', '/etc/coredns/Corefile.base')
  .option('--corefile <file>', 'where the expanded Corefile goes, unless --conf says so', '/etc/Corefile')
  .option('--kubednscm <folder>', `where the kube-dns ConfigMap is mounted (default: ${DEFAULT_KUBE_DNS_FOLDER} if it exists)`, '')
  .option('--upstreamsvc <name>', 'Service whose address __PILLAR__CLUSTER__DNS__ in the template stands for', 'kube-dns')
  .option('--health-port <port>', 'port of the health check, for its rules', portNumber, 8080)
  .option('--skipteardown [bool]', 'leave rules and addresses behind at the end', bool, false)
  .option('--reloadwithsignal [bool]', 'reload at once after the Corefile was written, without the reload directive', bool, false)
  .option('--conf <file>', 'the Corefile')
  .option('-p, --dns.port <port>', 'default port of server blocks, and the port of the rules', portNumber, 53)
  .option('--pidfile <file>', 'write the process id here once queries are answered')
  .addOption(engineOption())
  .option('--plugins', 'list the directives and exit')
  .option('--quiet [bool]', 'do not print zones and version at the start', bool, false)
  .version(`hearth-node-${VERSION}`, '--version', 'print the version and exit')
  .allowExcessArguments(false)
  .action(run)
for (const sub of commands(tool)) command.addCommand(sub)
await command.parseAsync(fromGoFlags(process.argv.slice(2)), { from: 'user' })

async function run(given: Options): Promise<void> {
  if (given.plugins === true) return listPlugins(PLUGINS)
  if (given.localip.length === 0) command.error('error: -localip is wanted: the addresses to serve, such as -localip 169.254.20.10,10.96.0.10')
  const corefile = given.conf ?? given.corefile
  const agent = new NodeAgent({
    localIps: given.localip,
    port: given['dns.port'],
    healthPort: given.healthPort,
    setupInterface: given.setupinterface,
    interfaceName: given.interfacename,
    setupRules: given.setupiptables,
    skipTeardown: given.skipteardown,
    syncIntervalMs: given.syncinterval,
    metricsAddress: given.metricsListenAddress,
    prometheusAddress: given.prometheusListenAddress,
    template: given.basecorefile,
    corefile,
    kubeDnsFolder: given.kubednscm !== '' ? given.kubednscm : existsSync(DEFAULT_KUBE_DNS_FOLDER) ? DEFAULT_KUBE_DNS_FOLDER : undefined,
    upstreamService: given.upstreamsvc,
    reloadWithSignal: given.reloadwithsignal,
  })
  await runProgram({
    name: 'hearth-node',
    version: VERSION,
    plugins: pluginTable(PLUGINS),
    quiet: given.quiet,
    pidfile: given.pidfile,
    engine: given.engine,
    // An agent shares its node with what it is there for.
    workers: 1,
    read: corefileReader({ path: corefile, defaultPort: given['dns.port'], directives: PLUGINS.map((plugin) => plugin.name) }),
    prepare: (world) => agent.prepare(world),
    serving: (world, server) => agent.serving(world, server),
    leaving: () => agent.leaving(),
    left: () => agent.left(),
  })
}

/** Blanks around commas and empty items, which templates leave behind, are passed over. */
function localIps(text: string): Uint8Array[] {
  return text.split(',').map((item) => item.trim()).filter((item) => item !== '').map((item) => {
    const ip = parseIp(item)
    if (ip === undefined) throw new InvalidArgumentError(`"${item}" is no IP address`)
    return ip
  })
}

function bool(text: string): boolean {
  if (/^(1|t|true)$/i.test(text)) return true
  if (/^(0|f|false)$/i.test(text)) return false
  throw new InvalidArgumentError('true or false wanted')
}

/** Milliseconds. node-cache multiplied Go durations by a second, so `60ns` meant a minute; that spelling still does. */
function interval(text: string): number {
  const ms = /^\d+(ns)?$/.test(text) ? Number.parseInt(text, 10) * 1000 : parseDuration(text)
  if (ms === undefined || ms < 1000) throw new InvalidArgumentError('a duration of at least 1s is wanted, such as 60s or 1m')
  return ms
}
