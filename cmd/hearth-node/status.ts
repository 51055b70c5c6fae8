import { Command } from 'commander'
import { askReport, instances } from '../../src/node/presence.ts'
import { formatReport, type Report } from '../../src/node/report.ts'
import { ends, EXIT } from '../commands/exit.ts'

const TIMEOUT_MS = 2000

/** What the agents of this node say about themselves. */
export function statusCommand(): Command {
  return new Command('status')
    .description('show the state of the agents on this node: mode, addresses, rules, lease, fallback, probes, upstream, configuration')
    .option('--json', 'as a list in JSON')
    .addHelpText('after', '\nExit status: 0 when all is well, 1 when something is wrong, 2 when no agent lives here.')
    .action((options: { readonly json?: boolean }) => ends(() => run(options.json === true)))
}

async function run(json: boolean): Promise<number> {
  const reports: Report[] = []
  const silent: string[] = []
  for (const instance of instances()) {
    try {
      reports.push(JSON.parse(await askReport(instance, TIMEOUT_MS)) as Report)
    } catch (error) {
      silent.push(`agent ${instance.id}, pid ${instance.pid}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  if (json) process.stdout.write(`${JSON.stringify(reports, undefined, 2)}\n`)
  else process.stdout.write(reports.map(formatReport).join('\n'))
  for (const line of silent) process.stderr.write(`${line}\n`)
  if (reports.length === 0 && silent.length === 0) {
    process.stderr.write('no agent on this node: hearth-node does not run here, or this shell is in another network namespace than the node (nsenter, hostNetwork)\n')
    return EXIT.USAGE
  }
  return silent.length > 0 || reports.some((report) => report.problems.length > 0) ? EXIT.FOUND : EXIT.OK
}
