import { Command, Option } from 'commander'
import { systemClock } from '../../src/base/clock.ts'
import { ConfigError } from '../../src/corefile/error.ts'
import { startOffline } from '../../src/check/offline.ts'
import type { Explanation, ExplainRequest } from '../../src/admin/explanation.ts'
import { Refusal } from '../../src/admin/view.ts'
import { pluginTable } from '../../src/plugins/index.ts'
import { corefileReader } from '../../src/server/corefile-source.ts'
import { explainQuery, explainSearch } from '../../src/server/explain.ts'
import { hostSearchPath } from '../../src/server/host.ts'
import { portNumber } from '../go-flags.ts'
import { askAdmin } from './admin-client.ts'
import { ends, EXIT, UsageError } from './exit.ts'
import { formatExplanations } from './explanation-text.ts'
import type { Tool } from './tool.ts'

interface Options {
  readonly client: string
  readonly tcp?: boolean
  readonly dnssec?: boolean
  readonly server: string
  readonly search?: string
  readonly admin: string
  readonly conf?: string
  readonly objects: readonly string[]
  readonly 'dns.port': number
  readonly format: 'text' | 'json'
}

/** What a query goes through, stage by stage. */
export function explainCommand(tool: Tool): Command {
  return new Command('explain')
    .description('say stage by stage what happens to a query: in the running program, or in a configuration')
    .argument('<name>', 'the name to ask for')
    .argument('[type]', 'the record type', 'A')
    .option('--client <address>', 'who asks: an IP address, or a pod as NAME or NAMESPACE/NAME', '127.0.0.1')
    .option('--search <namespace>', 'try the names that a pod of this namespace would, with ndots:5')
    .option('--tcp', 'as if asked over TCP')
    .option('--dnssec', 'as if asked for DNSSEC records (DO)')
    .option('--server <label>', 'listener that the query comes to, as metrics name it, such as dns://:53 (default: the first)', '')
    .option('--admin <address>', 'admin port of the running program', tool.adminAddress)
    .option('--conf <file>', 'explain by this Corefile instead of a running program')
    .option('--objects <path...>', 'with --conf: folders or files of manifests instead of an API server', [])
    .option('-p, --dns.port <port>', 'with --conf: default port of server blocks that name none', portNumber, 53)
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nThe query is a real one: upstreams are asked, and the running program\'s cache takes the answer.\nExit status: 0 for an answer with NOERROR, 1 for any other, 2 when it could not be asked.')
    .action((name: string, type: string, options: Options) => ends(async () => {
      const request: ExplainRequest = { name, type, client: options.client, protocol: options.tcp === true ? 'tcp' : 'udp', dnssec: options.dnssec === true, server: options.server }
      const explanations = options.conf === undefined ? await askProgram(request, options) : await askConfiguration(request, options, tool)
      process.stdout.write(options.format === 'json' ? `${JSON.stringify(explanations, undefined, 2)}\n` : formatExplanations(explanations))
      return explanations.at(-1)?.rcode === 'NOERROR' ? EXIT.OK : EXIT.FOUND
    }))
}

function askProgram({ name, type, client, protocol, dnssec, server }: ExplainRequest, { admin, search }: Options): Promise<readonly Explanation[]> {
  return askAdmin(admin, '/explain', { name, type, client, protocol, dnssec: dnssec ? '1' : '0', server, ...(search === undefined ? {} : { search }) })
}

async function askConfiguration(request: ExplainRequest, options: Options, tool: Tool): Promise<readonly Explanation[]> {
  try {
    const read = corefileReader({ path: options.conf, defaultPort: options['dns.port'], directives: tool.plugins.map((plugin) => plugin.name) })
    const { generation, world } = await startOffline(read(), options.objects, pluginTable(tool.plugins))
    try {
      const tools = { clock: systemClock, echoed: world.echoed, hostSearchPath }
      return options.search === undefined ? [await explainQuery(request, generation, tools)] : await explainSearch(request, options.search, generation, tools)
    } finally {
      await generation.stop()
    }
  } catch (error) {
    if (error instanceof ConfigError || error instanceof Refusal || (error as NodeJS.ErrnoException).code === 'ENOENT') throw new UsageError((error as Error).message)
    throw error
  }
}
