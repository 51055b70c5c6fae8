import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { checkCorefile } from '../../src/check/check.ts'
import { looksLikeYaml, readConfigMaps } from '../../src/check/config-map.ts'
import { withMounted } from '../../src/check/files.ts'
import type { Finding } from '../../src/check/finding.ts'
import { formatReport, REPORT_FORMATS, type ReportFormat } from '../../src/check/report.ts'
import { plainSource, rewrittenSource, type Source } from '../../src/check/source.ts'
import { pluginTable } from '../../src/plugins/index.ts'
import { systemCorefileFiles } from '../../src/server/corefile-source.ts'
import { systemHost } from '../../src/server/host.ts'
import { portNumber } from '../go-flags.ts'
import { ends, EXIT, UsageError } from './exit.ts'
import type { Tool } from './tool.ts'

interface Options {
  readonly format: ReportFormat
  readonly 'dns.port': number
}

/** What is wrong or doubtful in configurations, without a program that runs them. */
export function checkCommand(tool: Tool): Command {
  return new Command('check')
    .description('say what is wrong or doubtful in Corefiles, or in ConfigMaps that hold them; opens no socket')
    .argument('<file...>', 'a Corefile, a ConfigMap in YAML, or - for standard input')
    .addOption(new Option('--format <format>', 'how to print findings').choices(REPORT_FORMATS).default('text'))
    .option('-p, --dns.port <port>', 'default port of server blocks that name none', portNumber, 53)
    .addHelpText('after', '\nExit status: 0 when nothing is wrong (warnings do not count), 1 when something is, 2 when a file cannot be read.')
    .action((files: readonly string[], options: Options) => ends(() => {
      const findings = files.flatMap((file) => checkFile(file, tool, options))
      process.stdout.write(formatReport(findings, files, options.format))
      return findings.some((finding) => finding.severity === 'error') ? EXIT.FOUND : EXIT.OK
    }))
}

function checkFile(file: string, tool: Tool, options: Options): Finding[] {
  const text = readText(file)
  const shown = file === '-' ? 'stdin' : file
  const { sources, others, errors } = looksLikeYaml(file, text) ? readConfigMaps(shown, text) : { sources: [plainSource(shown, text)], others: new Map<string, string>(), errors: [] }
  if (sources.length === 0 && errors.length === 0) throw new UsageError(`${shown}: no ConfigMap with a Corefile in it; its data needs a key that begins with Corefile or ends in .server`)
  if (tool.expandTemplate === undefined && sources.some(isTemplate)) throw new UsageError(`${shown}: this is a template of the node agent; "hearth-node check" fills in its variables`)
  return [...errors, ...sources.flatMap((source) => checkCorefile(expanded(source, tool), {
    plugins: pluginTable(tool.plugins),
    defaultPort: options['dns.port'],
    env: (name) => process.env[name],
    files: withMounted(systemCorefileFiles, others),
    host: systemHost,
  }))]
}

/** Templates of the node agent are checked with values in place of their variables. */
function expanded(source: Source, tool: Tool): Source {
  const { expandTemplate } = tool
  return expandTemplate !== undefined && isTemplate(source) ? rewrittenSource(source, expandTemplate) : source
}

function isTemplate({ text }: Source): boolean {
  return /__PILLAR__|__PROMETHEUS__ENDPOINT__/.test(text)
}

const UNREADABLE: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EISDIR: 'this is a folder; name the files in it' }

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(`${file}: ${UNREADABLE[code ?? ''] ?? message}`)
  }
}
