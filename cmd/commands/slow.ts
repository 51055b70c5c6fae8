import { Command, Option } from 'commander'
import type { SlowQuery } from '../../src/admin/traffic/traffic.ts'
import { askAdmin } from './admin-client.ts'
import { ends, EXIT } from './exit.ts'
import type { Tool } from './tool.ts'

interface Options {
  readonly admin: string
  readonly format: 'text' | 'json'
}

/** The last queries that took long or failed. */
export function slowCommand(tool: Tool): Command {
  return new Command('slow')
    .description('show the last 100 queries that took 100 ms or more or failed, the newest first, with the upstreams asked')
    .option('--admin <address>', 'admin port of the running program', tool.adminAddress)
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .action((options: Options) => ends(async () => {
      const queries = await askAdmin<readonly SlowQuery[]>(options.admin, '/slow')
      process.stdout.write(options.format === 'json' ? `${JSON.stringify(queries, undefined, 2)}\n` : queries.map(formatSlow).join('') || 'none\n')
      return EXIT.OK
    }))
}

function formatSlow({ at, name, type, client, rcode, ms, by, error, upstreams }: SlowQuery): string {
  const asked = upstreams.map(({ to, protocol, tookMs, outcome }) => `    asked ${to} over ${protocol}: ${outcome}, ${tookMs.toFixed(0)} ms\n`).join('')
  return `${new Date(at).toISOString()} ${ms.toFixed(0).padStart(5)} ms ${(rcode === '' ? 'dropped' : rcode).padEnd(8)} ${name} ${type} from ${client}${by === '' ? '' : ` by ${by}`}${error === '' || upstreams.length > 0 ? '' : `: ${error}`}\n${asked}`
}
