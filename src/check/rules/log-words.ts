import { isPick, LOG_TABLE } from '../../plugins/log/options.ts'
import type { Rule } from '../configuration.ts'

/** Arguments of `log` are names, whatever they look like. */
export const logWords: Rule = {
  code: 'log-words',
  look: ({ blocks }) => blocks.flatMap((block) => (block.sound('log')?.lines ?? []).flatMap((line) => {
    const [first] = line.args
    if (first === undefined || !Object.hasOwn(LOG_TABLE, first.text) || isPick(line)) return []
    const words = line.args.map((arg) => arg.text).join(' ')
    return [{ token: first, message: `log ${first.text} is a log of the names ${words}: arguments of log are names`, remedy: `write "log . {", and "${words}" on a line of its own in the block` }]
  })),
}
