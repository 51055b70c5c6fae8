import '../../src/server/early-signals.ts'
import '../../src/server/early-heap.ts'
import { existsSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../../src/base/duration.ts'
import { parseIp } from '../../src/base/ip.ts'
import { ACCEPT_RULES, type AcceptRules } from '../../src/node/accept-rules.ts'
import type { AgentState } from '../../src/admin/state.ts'
import { NodeAgent, type AgentOptions } from '../../src/node/agent.ts'
import { parseTarget } from '../../src/node/fallback-targets.ts'
import { PROXY_MODES, type ProxyModeOption } from '../../src/node/proxy-mode.ts'
import { reportRows, type Report } from '../../src/node/report.ts'
import { expandSample } from '../../src/node/template.ts'
import { PLUGINS, pluginTable } from '../../src/plugins/index.ts'
import { corefileReader } from '../../src/server/corefile-source.ts'
import type { EngineChoice } from '../../src/server/udp-engine.ts'
import { runProgram } from '../../src/server/program.ts'
import { parseName } from '../../src/wire/name.ts'
import { commands } from '../commands/index.ts'
import { refuseMisspelt } from '../commands/misspelt.ts'
import type { Tool } from '../commands/tool.ts'
import { engineOption, fromGoFlags, goBool, listPlugins, memoryOption, portNumber } from '../go-flags.ts'
import { VERSION } from '../version.ts'
import { cleanupCommand } from './cleanup.ts'
import { statusCommand } from './status.ts'

const DEFAULT_ADMIN_ADDRESS = '127.0.0.1:9254'
const DEFAULT_KUBE_DNS_FOLDER = '/etc/kube-dns'
const DEFAULT_INTERVAL_MS = 60_000

interface Options {
  readonly adminListenAddress: string
  readonly adminTokenFile?: string
  readonly localip: readonly Uint8Array[]
  readonly setupinterface: boolean
  readonly interfacename?: string
  readonly syncinterval?: number
  readonly metricsListenAddress: string
  readonly metricsTls?: string
  readonly metricsBearer?: string
  readonly prometheusListenAddress: string
  readonly setupiptables: boolean
  readonly basecorefile: string
  readonly corefile: string
  readonly kubednscm?: string
  readonly upstreamsvc: string
  readonly healthPort: number
  readonly skipteardown: boolean
  readonly reloadwithsignal: boolean
  readonly conf?: string
  readonly 'dns.port': number
  readonly pidfile?: string
  readonly engine: EngineChoice
  readonly memoryBudget?: number
  readonly plugins?: boolean
  readonly quiet: boolean
  readonly proxyMode: ProxyModeOption
  readonly acceptRules: AcceptRules
  readonly fallbackEndpoints: readonly string[]
  readonly probeFiles?: string
}

const tool: Tool = { name: 'hearth-node', version: VERSION, plugins: PLUGINS, adminAddress: DEFAULT_ADMIN_ADDRESS, expandTemplate: expandSample }

const command = new Command('hearth-node')
  .description('The DNS cache of a node: a drop-in for NodeLocal DNSCache.')
  .option('--localip <list>', 'addresses to serve, of either family, separated by commas', localIps, [])
  .option('--setupinterface [bool]', 'add the addresses to the node', goBool, true)
  .option('--interfacename <name>', 'put the addresses on a dummy link of this name instead of lo')
  .option('--syncinterval <duration>', 'how often rules and addresses are checked (default: 1m)', interval)
  .option('--metrics-listen-address <address>', 'where the agent serves its own metrics', '0.0.0.0:9353')
  .option('--metrics-tls <file>', 'serve them over TLS as this web configuration says: cert_file, key_file, client_ca_file, client_auth_type')
  .option('--metrics-bearer <file>', 'serve them only to those who send the token in this file (Authorization: Bearer)')
  .option('--prometheus-listen-address <address>', 'what __PROMETHEUS__ENDPOINT__ in the template stands for', ':9253')
  .option('--setupiptables [bool]', 'install the rules that bring DNS here (with nftables)', goBool, true)
  .option('--basecorefile <file>', 'template of the Corefile', '/etc/coredns/Corefile.base')
  .option('--corefile <file>', 'where the expanded Corefile goes, unless --conf says so', '/etc/Corefile')
  .option('--kubednscm <folder>', `where the kube-dns ConfigMap is mounted (default: ${DEFAULT_KUBE_DNS_FOLDER} if it exists)`)
  .option('--upstreamsvc <name>', 'Service whose address __PILLAR__CLUSTER__DNS__ in the template stands for', 'kube-dns')
  .option('--health-port <port>', 'port of the health check, for its rules', portNumber, 8080)
  .option('--skipteardown [bool]', 'leave rules and addresses behind at the end', goBool, false)
  .option('--reloadwithsignal [bool]', 'reload at once after the Corefile was written, without the reload directive', goBool, false)
  .addOption(new Option('--proxy-mode <mode>', 'who translates Services on this node; none: no rules').choices(PROXY_MODES).default('auto'))
  .addOption(new Option('--accept-rules <when>', 'accept DNS in the chains INPUT and OUTPUT of the filter table; auto: where they do not').choices(ACCEPT_RULES).default('auto'))
  .option('--fallback-endpoints <list>', 'who answers the addresses when no agent does: addresses of the cluster\'s resolvers, or names of headless Services, separated by commas (default: the Service beside --upstreamsvc whose name ends in -endpoints)', endpoints, [])
  .option('--probe-files <folder>', 'keep the files alive and ready there, for exec probes that ask this very instance')
  .option('--conf <file>', 'the Corefile')
  .option('-p, --dns.port <port>', 'default port of server blocks, and the port of the rules', portNumber, 53)
  .option('--pidfile <file>', 'write the process id here once queries are answered')
  .addOption(engineOption())
  .addOption(memoryOption())
  .option('--plugins', 'list the directives and exit')
  .option('--quiet [bool]', 'do not print zones and version at the start', goBool, false)
  .option('--admin-listen-address <address>', 'where status page, explain, top and the like are served: host:port, unix:/path, or "" for nowhere', DEFAULT_ADMIN_ADDRESS)
  .option('--admin-token-file <file>', 'file with the token that allows changes by the admin port; without it nothing can be changed there')
  .version(`hearth-node-${VERSION}`, '--version', 'print the version and exit')
  .allowExcessArguments(false)
  .enablePositionalOptions()
  .action(run)
for (const sub of [...commands(tool), statusCommand(), cleanupCommand()]) command.addCommand(sub)
const args = process.argv.slice(2)
refuseMisspelt(command, args)
await command.parseAsync(fromGoFlags(args), { from: 'user' })

async function run(given: Options): Promise<void> {
  if (given.plugins === true) return listPlugins(PLUGINS)
  if (given.localip.length === 0) command.error('error: -localip is wanted: the addresses to serve, such as -localip 169.254.20.10,10.96.0.10')
  const corefile = given.conf ?? given.corefile
  const options: AgentOptions = {
    version: VERSION,
    localIps: given.localip,
    port: given['dns.port'],
    healthPort: given.healthPort,
    setupInterface: given.setupinterface,
    interfaceName: given.interfacename,
    setupRules: given.setupiptables,
    skipTeardown: given.skipteardown,
    syncIntervalMs: given.syncinterval ?? DEFAULT_INTERVAL_MS,
    metrics: { address: given.metricsListenAddress, tlsFile: given.metricsTls, tokenFile: given.metricsBearer },
    prometheusAddress: given.prometheusListenAddress,
    template: given.basecorefile,
    corefile,
    kubeDnsFolder: given.kubednscm || (existsSync(DEFAULT_KUBE_DNS_FOLDER) ? DEFAULT_KUBE_DNS_FOLDER : undefined),
    upstreamService: given.upstreamsvc,
    reloadWithSignal: given.reloadwithsignal,
    proxyMode: given.proxyMode,
    acceptRules: given.acceptRules,
    fallbackEndpoints: given.fallbackEndpoints,
    probeFolder: given.probeFiles,
  }
  let agent: NodeAgent | undefined
  await runProgram({
    name: 'hearth-node',
    version: VERSION,
    admin: { address: given.adminListenAddress, tokenFile: given.adminTokenFile },
    plugins: pluginTable(PLUGINS),
    quiet: given.quiet,
    pidfile: given.pidfile,
    engine: given.engine,
    memoryBudget: given.memoryBudget,
    // An agent shares its node with what it is there for.
    workers: 1,
    corefile,
    read: corefileReader({ path: corefile, defaultPort: given['dns.port'], directives: PLUGINS.map((plugin) => plugin.name) }),
    prepare: async (world) => {
      agent = new NodeAgent(options, world)
      await agent.prepare()
    },
    agent: async () => (agent === undefined ? undefined : agentState(await agent.report())),
    serving: async (_world, server) => agent?.serving(server),
    leaving: async () => agent?.leaving(),
    left: async () => agent?.left(),
  })
}

function agentState(report: Report): AgentState {
  return { problems: report.problems, rows: reportRows(report).filter(([name]) => name !== '') }
}

/** Blanks around commas and empty items, which templates leave behind, are passed over. */
function localIps(text: string): Uint8Array[] {
  return text.split(',').map((item) => item.trim()).filter((item) => item !== '').map((item) => {
    const ip = parseIp(item)
    if (ip === undefined) throw new InvalidArgumentError(`"${item}" is no IP address`)
    return ip
  })
}

function endpoints(text: string): string[] {
  const items = text.split(',').map((item) => item.trim()).filter((item) => item !== '')
  const wrong = items.find((item) => parseTarget(item) === undefined && (item.includes(':') || parseName(item) === undefined))
  if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong}" is neither an address, with or without a port, nor a name`)
  return items
}

/** Milliseconds. node-cache multiplied Go durations by a second, so `60ns` meant a minute; that spelling still does. */
function interval(text: string): number {
  const ms = /^\d+(ns)?$/.test(text) ? Number.parseInt(text, 10) * 1000 : parseDuration(text)
  if (ms === undefined || ms < 1000) throw new InvalidArgumentError('a duration of at least 1s is wanted, such as 60s or 1m')
  return ms
}
