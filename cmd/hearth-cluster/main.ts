import '../../src/server/early-signals.ts'
import '../../src/server/early-heap.ts'
import { Command } from 'commander'
import { corefileReader } from '../../src/server/corefile-source.ts'
import { processors } from '../../src/server/cpu-quota.ts'
import { runProgram } from '../../src/server/program.ts'
import type { EngineChoice } from '../../src/server/udp-engine.ts'
import { pluginTable, PLUGINS } from '../../src/plugins/index.ts'
import { commands } from '../commands/index.ts'
import { refuseMisspelt } from '../commands/misspelt.ts'
import type { Tool } from '../commands/tool.ts'
import { engineOption, fromGoFlags, listPlugins, memoryOption, portNumber } from '../go-flags.ts'
import { VERSION } from '../version.ts'

const DEFAULT_ADMIN_ADDRESS = '127.0.0.1:9154'

interface Options {
  readonly adminListenAddress: string
  readonly adminTokenFile?: string
  readonly conf?: string
  readonly 'dns.port': number
  readonly pidfile?: string
  readonly engine: EngineChoice
  readonly memoryBudget?: number
  readonly plugins?: boolean
  readonly quiet?: boolean
}

const tool: Tool = { name: 'hearth-cluster', version: VERSION, plugins: PLUGINS, adminAddress: DEFAULT_ADMIN_ADDRESS }

const command = new Command('hearth-cluster')
  .description('The DNS server of a Kubernetes cluster: a drop-in for CoreDNS.')
  .option('--conf <file>', 'Corefile to read, or "stdin" (default: ./Corefile, else a built-in one)')
  .option('-p, --dns.port <port>', 'default port of server blocks that name none', portNumber, 53)
  .option('--pidfile <file>', 'write the process id here once queries are answered')
  .addOption(engineOption())
  .addOption(memoryOption())
  .option('--plugins', 'list the directives and exit')
  .option('--quiet', 'do not print zones and version at the start')
  .option('--admin-listen-address <address>', 'where status page, explain, top and the like are served: host:port, unix:/path, or "" for nowhere', DEFAULT_ADMIN_ADDRESS)
  .option('--admin-token-file <file>', 'file with the token that allows changes by the admin port; without it nothing can be changed there')
  .version(`hearth-cluster-${VERSION}`, '--version', 'print the version and exit')
  .allowExcessArguments(false)
  .enablePositionalOptions()
  .action(run)
for (const sub of commands(tool)) command.addCommand(sub)
const args = process.argv.slice(2)
refuseMisspelt(command, args)
await command.parseAsync(fromGoFlags(args), { from: 'user' })

async function run(options: Options): Promise<void> {
  if (options.plugins === true) return listPlugins(PLUGINS)
  await runProgram({
    name: 'hearth-cluster',
    version: VERSION,
    admin: { address: options.adminListenAddress, tokenFile: options.adminTokenFile },
    plugins: pluginTable(PLUGINS),
    quiet: options.quiet === true,
    pidfile: options.pidfile,
    engine: options.engine,
    memoryBudget: options.memoryBudget,
    // The resolver thread has a processor of its own.
    workers: Math.max(1, processors() - 1),
    corefile: options.conf ?? 'Corefile',
    read: corefileReader({ path: options.conf, defaultPort: options['dns.port'], directives: PLUGINS.map((plugin) => plugin.name) }),
  })
}
