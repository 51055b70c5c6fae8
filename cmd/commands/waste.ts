import { Command, Option } from 'commander'
import type { SearchWaste } from '../../src/admin/traffic/traffic.ts'
import type { TopView } from '../../src/admin/view.ts'
import { positiveInteger } from '../go-flags.ts'
import { askAdmin } from './admin-client.ts'
import { ends, EXIT } from './exit.ts'
import type { Tool } from './tool.ts'

interface Options {
  readonly admin: string
  readonly rows: number
  readonly format: 'text' | 'json'
}

/** Who asks in vain because of its search list, and the line of a pod's spec that would spare it. */
export function wasteCommand(tool: Tool): Command {
  return new Command('waste')
    .description('show which pods ask most for names that cannot exist, and the ndots line that would spare it')
    .option('--admin <address>', 'admin port of the running program', tool.adminAddress)
    .option('-n, --rows <n>', 'clients to show', positiveInteger, 10)
    .addOption(new Option('--format <format>', 'how to print').choices(['text', 'json']).default('text'))
    .addHelpText('after', '\nThe line goes into the spec of the pod (spec.template.spec of a Deployment), beside its containers.\nExit status: 0, whether there is waste or not.')
    .action((options: Options) => ends(async () => {
      const top = await askAdmin<TopView>(options.admin, '/top', { n: String(options.rows) })
      process.stdout.write(options.format === 'json' ? `${JSON.stringify({ seconds: top.seconds, queries: top.queries, wasted: top.wasted, clients: top.waste.map((row) => ({ ...row, pod: top.pods[row.client] ?? '' })) }, undefined, 2)}\n` : formatWaste(top))
      return EXIT.OK
    }))
}

function formatWaste({ seconds, queries, wasted, waste, pods }: TopView): string {
  const share = (100 * wasted / Math.max(1, queries)).toFixed(0)
  const head = `${wasted} of ${queries} queries of the last ${seconds} s (${share} %) were for names that a search list made and that do not exist\n`
  return head + waste.map((row) => formatClient(row, pods[row.client])).join('')
}

function formatClient({ client, count, names, advice }: SearchWaste, pod: string | undefined): string {
  const meant = `    meant: ${names.join(' ')}\n`
  const spare = advice === '' ? '' : `    spares it, in the pod's spec: ${advice}\n`
  return `\n${String(count).padStart(9)}  ${client}${pod === undefined ? '' : ` (${pod})`}\n${meant}${spare}`
}
