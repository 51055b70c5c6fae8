import { buildBlock, type Block } from '../core/build.ts'
import type { Host } from '../core/env.ts'
import type { Plugin } from '../core/plugin.ts'
import { ConfigError } from '../corefile/error.ts'
import type { Environment } from '../corefile/environment.ts'
import type { CorefileFiles } from '../corefile/importer.ts'
import { parseCorefile } from '../corefile/parser.ts'
import type { Corefile, Directive, Line, ServerBlock, Token } from '../corefile/tree.ts'
import { planPlaces } from '../server/plan.ts'
import { CheckedBlock, isInterfaceName, type Configuration } from './configuration.ts'
import { inOrder, type Finding } from './finding.ts'
import { remedyFor } from './remedy.ts'
import { RULES } from './rules/index.ts'
import { linesOf, type Position, type Source } from './source.ts'
import { openOfflineWorld } from './world.ts'

export interface CheckOptions {
  readonly plugins: ReadonlyMap<string, Plugin>
  readonly defaultPort: number
  readonly env: Environment
  readonly files: CorefileFiles
  /** The machine, for interface names. */
  readonly host: Host
}

/** Everything that is wrong or doubtful in a Corefile. Builds it whole, opens nothing. */
export function checkCorefile(source: Source, options: CheckOptions): Finding[] {
  const places = new Places(source, options.files)
  const errors: ConfigError[] = []
  const corefile = attempt(errors, () => parseCorefile(source.text, { file: source.name, defaultPort: options.defaultPort, env: options.env, files: options.files, directives: [...options.plugins.keys()], recover: (error) => errors.push(error) }))
  const configuration = corefile === undefined ? undefined : build(corefile, options, errors)
  const findings = errors.map((error) => errorFinding(error, places, options.plugins))
  if (corefile !== undefined) findings.push(...corefile.warnings.map((warning) => parserFinding(warning, places)))
  if (configuration !== undefined) findings.push(...warnings(configuration, places))
  return inOrder(findings)
}

/** What could be built of the Corefile; what could not is in `errors`, each mistake once. */
function build(corefile: Corefile, options: CheckOptions, errors: ConfigError[]): Configuration {
  const { blocks, errors: found } = corefile.inspect()
  errors.push(...found)
  const host = tolerant(options.host, blocks)
  const world = openOfflineWorld(host)
  const checked = blocks.map((block) => {
    const zones = [...new Set(block.keys.map((key) => key.zone))]
    const sound = new Set(block.directives.filter((directive) => parses(directive, block, zones, options.plugins, errors)))
    const whole = sound.size === block.directives.length && block.keys.length > 0
    const built = whole ? attempt(errors, () => buildBlock(block, options.plugins, world)) : undefined
    return new CheckedBlock(block, sound, built)
  })
  attempt(errors, () => planPlaces(checked.flatMap((block): Block[] => (block.built === undefined ? [] : [block.built])), host))
  return { blocks: checked, interfaces: options.host.addresses() }
}

/** True when the directive means something. When not, every mistake in it is in `errors`, not only the first. */
function parses(directive: Directive, block: ServerBlock, zones: readonly string[], plugins: ReadonlyMap<string, Plugin>, errors: ConfigError[]): boolean {
  const plugin = plugins.get(directive.name)!
  const parse = (lines: readonly Line[]) => plugin.parse({ ...directive, lines }, { zones, keys: block.keys, directives: block.directives })
  const found: ConfigError[] = []
  attempt(found, () => parse(directive.lines))
  if (found.length === 0) return true
  for (const { lines, tokens } of parts(directive)) {
    const alone: ConfigError[] = []
    attempt(alone, () => parse(lines))
    // Alone, an option may miss another that it goes with: what is said of its own words holds all the same.
    found.push(...alone.filter((error) => tokens.some((token) => standsAt(error, token)) && !found.some((other) => standsAt(error, other))))
  }
  errors.push(...found)
  return false
}

/** A directive's uses and their options, each as it would be alone, with its words. */
function parts(directive: Directive): { readonly lines: readonly Line[]; readonly tokens: readonly Token[] }[] {
  return directive.lines.flatMap((line) => [
    { lines: [{ token: line.token, args: line.args }], tokens: [line.token, ...line.args] },
    ...(line.block ?? []).map((option) => ({ lines: [{ ...line, block: [option] }], tokens: [option.token, ...option.args] })),
  ])
}

function standsAt(error: ConfigError, { file, line, column }: Pick<Token, 'file' | 'line' | 'column'> | ConfigError): boolean {
  return error.file === file && error.line === line && error.column === column
}

/** An interface that only the node has is no mistake here: it gets an address that nobody uses. A rule warns of it. */
function tolerant(host: Host, blocks: readonly ServerBlock[]): Host {
  const known = host.addresses()
  const words = blocks.flatMap((block) => block.directives).filter((directive) => directive.name === 'bind')
    .flatMap((directive) => directive.lines.flatMap((line) => [...line.args, ...(line.block ?? []).flatMap((inner) => inner.args)]))
    .map((token) => token.text)
  const missing = [...new Set(words)].filter((word) => isInterfaceName(word) && !known.some((entry) => entry.link === word))
  const pretended = missing.map((link, i) => ({ link, address: `192.0.2.${(i % 250) + 1}`, loopback: false }))
  return { ...host, addresses: () => [...known, ...pretended] }
}

function warnings(configuration: Configuration, places: Places): Finding[] {
  return RULES.flatMap((rule) => rule.look(configuration).map(({ token, message, remedy }): Finding =>
    ({ code: rule.code, severity: 'warning', ...places.of(token), message, remedy })))
}

/** `FILE:LINE:COLUMN: TEXT`, or a text alone. */
function parserFinding(warning: string, places: Places): Finding {
  const [, file, line, column, text] = /^(.*?):(\d+):(\d+): (.*)$/s.exec(warning) ?? []
  const place = file === undefined ? { file, line: undefined, column: undefined } : { file, line: Number(line), column: Number(column) }
  return { code: 'syntax', severity: 'warning', ...places.of(place), message: text ?? warning, remedy: 'it is passed over; correct it, so that it says what is meant' }
}

function errorFinding(error: ConfigError, places: Places, plugins: ReadonlyMap<string, Plugin>): Finding {
  const { message, remedy } = remedyFor(error, plugins)
  return { code: error.code, severity: 'error', ...places.of(error), message, remedy }
}

/** Where tokens stand for the author. */
class Places {
  readonly #source: Source
  readonly #files: CorefileFiles

  constructor(source: Source, files: CorefileFiles) {
    this.#source = source
    this.#files = files
  }

  of({ file, line, column }: { readonly file: string | undefined; readonly line: number | undefined; readonly column: number | undefined }): Position {
    if (file === undefined || file === this.#source.name) return this.#source.locate(line ?? 1, column ?? 1)
    return { file, line: line ?? 1, column: column ?? 1, text: this.#importedLine(file, line ?? 1) }
  }

  #importedLine(file: string, line: number): string {
    try {
      return linesOf(this.#files.read(file))[line - 1] ?? ''
    } catch {
      // It was read a moment ago to find this mistake; without its text the place still says where.
      return ''
    }
  }
}

function attempt<T>(errors: ConfigError[], make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    errors.push(error)
    return undefined
  }
}
