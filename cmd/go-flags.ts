import { InvalidArgumentError, Option } from 'commander'
import type { Plugin } from '../src/core/plugin.ts'
import { ENGINES } from '../src/server/udp-engine.ts'

/** Go's flag syntax for commander: one dash or two, `-name=value` or `-name value`; what follows `--` is left alone. */
export function fromGoFlags(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  return args.map((arg, i) => ((end < 0 || i < end) && /^-[a-zA-Z][\w.-]+(=|$)/.test(arg) ? `-${arg}` : arg))
}

export function portNumber(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('a port is a number from 1 to 65535')
  return port
}

/** `-engine`, the same for both programs. */
export function engineOption(): Option {
  return new Option('--engine <engine>', 'how UDP is received: by packet workers (mmsg), by Node\'s sockets (dgram), or whichever can be had').choices(ENGINES).default('auto')
}

/** What `-plugins` prints. */
export function listPlugins(plugins: readonly Plugin[]): void {
  process.stdout.write(`Server types:\n  dns\n\nOther plugins:\n${plugins.map((plugin) => `  dns.${plugin.name}\n`).join('')}`)
}
