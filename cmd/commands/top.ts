import { Command, Option } from 'commander'
import type { Hitter } from '../../src/admin/traffic/heavy-hitters.ts'
import type { Second } from '../../src/admin/traffic/seconds.ts'
import type { TopView } from '../../src/admin/view.ts'
import { positiveInteger } from '../go-flags.ts'
import { askAdmin } from './admin-client.ts'
import { ends, EXIT } from './exit.ts'
import type { Tool } from './tool.ts'

interface Options {
  readonly admin: string
  readonly rows: number
  readonly interval: number
  readonly once?: boolean
  readonly format: 'text' | 'json'
}

/** Of the terminal: another screen, no cursor; and both back. */
const SCREEN = { open: '\u001b[?1049h\u001b[?25l', close: '\u001b[?25h\u001b[?1049l', home: '\u001b[H\u001b[J' } as const

const WIDTH = 120
const HEIGHT = 40
/** q, Ctrl-C, Ctrl-D. */
const QUIT_KEYS = ['q', '\u0003', '\u0004']

/** The most frequent names and clients, and what search lists waste. */
export function topCommand(tool: Tool): Command {
  return new Command('top')
    .description('show who asks most for what, and what search lists waste; live in a terminal')
    .option('--admin <address>', 'admin port of the running program', tool.adminAddress)
    .option('-n, --rows <n>', 'rows of each table', positiveInteger, 10)
    .option('--interval <seconds>', 'how often the screen is drawn anew', positiveInteger, 2)
    .option('--once', 'print once and end, as when the output is no terminal')
    .addOption(new Option('--format <format>', 'how to print; json prints once').choices(['text', 'json']).default('text'))
    .action((options: Options) => ends(async () => {
      const read = async () => ({ top: await askAdmin<TopView>(options.admin, '/top', { n: String(options.rows) }), seconds: await askAdmin<readonly Second[]>(options.admin, '/seconds') })
      if (options.format === 'json') process.stdout.write(`${JSON.stringify((await read()).top, undefined, 2)}\n`)
      else if (options.once === true || !process.stdout.isTTY) process.stdout.write(formatTop(await read()))
      else await live(async () => formatTop(await read()), options.interval * 1000)
      return EXIT.OK
    }))
}

/** Until q or Ctrl-C. The terminal is given back whatever happens. */
async function live(draw: () => Promise<string>, intervalMs: number): Promise<void> {
  const { stdin, stdout } = process
  stdout.write(SCREEN.open)
  let ended = false
  let wake = () => {}
  const quit = () => {
    ended = true
    wake()
  }
  if (stdin.isTTY) stdin.setRawMode(true)
  stdin.on('data', (key: Buffer) => { if (QUIT_KEYS.some((quits) => key.includes(quits))) quit() })
  process.once('SIGTERM', quit)
  process.once('SIGINT', quit)
  try {
    while (!ended) {
      const text = await draw()
      stdout.write(`${SCREEN.home}${text.split('\n').slice(0, (stdout.rows || HEIGHT) - 1).join('\n')}`)
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, intervalMs)
      })
    }
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false)
    stdin.pause()
    stdout.write(SCREEN.close)
  }
}

function formatTop({ top, seconds }: { readonly top: TopView; readonly seconds: readonly Second[] }): string {
  // A terminal that does not know its size says 0.
  const width = process.stdout.columns || WIDTH
  const last = seconds.at(-1)
  const now = last === undefined ? 'no query yet' : `${last.queries} queries/s, ${last.failed} failed, p50 ${last.p50Ms} ms, p99 ${last.p99Ms} ms`
  return [
    `${now}; below: the last ${top.seconds} s, ${top.queries} queries`,
    ...table('NAMES', top.names, top.queries),
    ...table('CLIENTS', top.clients.map((row) => ({ ...row, key: named(row.key, top) })), top.queries),
    ...table('NXDOMAIN BY SEARCH DOMAIN', top.suffixes, top.queries),
    ...waste(top),
  ].map((line) => line.slice(0, width)).join('\n') + '\n'
}

function table(title: string, rows: readonly Hitter[], total: number): string[] {
  return ['', title, ...(rows.length === 0 ? ['  none'] : rows.map(({ key, count }) => `${String(count).padStart(9)} ${(100 * count / Math.max(1, total)).toFixed(1).padStart(5)} %  ${key}`))]
}

/** A client with the pod that it is. */
function named(address: string, { pods }: TopView): string {
  const pod = pods[address]
  return pod === undefined ? address : `${address} (${pod})`
}

function waste(top: TopView): string[] {
  const rows = top.waste
  if (rows.length === 0) return []
  return ['', 'SEARCH LISTS IN VAIN: who, for what, and what would spare it', ...rows.map(({ client, count, names, advice }) =>
    `${String(count).padStart(9)}  ${named(client, top)}  ${names.join(' ')}${advice === '' ? '' : `  → ${advice}`}`)]
}
