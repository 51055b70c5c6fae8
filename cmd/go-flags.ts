import { InvalidArgumentError, Option } from 'commander'
import type { Plugin } from '../src/core/plugin.ts'
import { parseBytes } from '../src/server/memory-budget.ts'
import { ENGINES } from '../src/server/udp-engine.ts'

/** Flags that stand for themselves; Go lets them say `=true` and `=false` too. */
const SWITCHES: readonly string[] = ['--help', '--plugins', '--quiet', '--version']

/** Go's flag syntax for commander: one dash or two, `-name=value` or `-name value`; what follows `--` is left alone. */
export function fromGoFlags(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  return args.flatMap((arg, i) => (end < 0 || i < end ? fromGoFlag(arg) : [arg]))
}

function fromGoFlag(arg: string): string[] {
  const [, name, value] = /^--?([a-zA-Z][\w.-]*)(?:=(.*))?$/s.exec(arg) ?? []
  if (name === undefined || (name.length === 1 && value === undefined)) return [arg]
  const flag = name === 'p' ? '--dns.port' : `--${name}`
  if (value === undefined) return [flag]
  const set = SWITCHES.includes(flag) ? truth(value) : undefined
  return set === undefined ? [`${flag}=${value}`] : set ? [flag] : []
}

export function goBool(text: string): boolean {
  return truth(text) ?? refuse('true or false wanted')
}

function truth(text: string): boolean | undefined {
  if (/^(1|t|true)$/i.test(text)) return true
  return /^(0|f|false)$/i.test(text) ? false : undefined
}

export function portNumber(text: string): number {
  const port = Number(text)
  return Number.isInteger(port) && port > 0 && port < 65_536 ? port : refuse('a port is a number from 1 to 65535')
}

function refuse(reason: string): never {
  throw new InvalidArgumentError(reason)
}

/** `-engine`, the same for both programs. */
export function engineOption(): Option {
  return new Option('--engine <engine>', 'how UDP is received: by packet workers (mmsg), by Node\'s sockets (dgram), or whichever can be had').choices(ENGINES).default('auto')
}

/** `-memory-budget`, the same for both programs. */
export function memoryOption(): Option {
  return new Option('--memory-budget <size>', 'memory to keep to, such as 256Mi: divided over caches, queries under way and TCP clients (default: the limit of the container)')
    .argParser((text) => parseBytes(text) ?? refuse('a size is wanted, such as 256Mi'))
}

/** What `-plugins` prints. */
export function listPlugins(plugins: readonly Plugin[]): void {
  process.stdout.write(`Server types:\n  dns\n\nOther plugins:\n${plugins.map((plugin) => `  dns.${plugin.name}\n`).join('')}`)
}

export function positiveInteger(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000) throw new InvalidArgumentError('a whole number from 1 is wanted')
  return value
}
