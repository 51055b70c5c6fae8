import type { Plugin } from '../../core/plugin.ts'
import { Forward } from './forward.ts'
import { forwardSeries } from './instance.ts'
import { FORWARD_TABLE, parseForward } from './options.ts'

/** Options by which another answer, or none, comes to a client. */
const ANSWER_OPTIONS = new Set(['except', 'next', 'next_on_nodata', 'failover'])

export const forwardPlugin: Plugin = {
  name: 'forward',
  options: FORWARD_TABLE,
  /** Which servers are asked, and how, is not part of it: they have the same answers, or the operator would not exchange one for the other. */
  answersBy: (directive) => directive.lines.map((line) => [
    line.args[0]?.text,
    line.block?.filter((option) => ANSWER_OPTIONS.has(option.token.text)).map((option) => [option.token.text, ...option.args.map((arg) => arg.text)]),
  ]),
  series: (metrics) => void forwardSeries(metrics),
  parse(directive) {
    const instances = directive.lines.map(parseForward)
    return { build: (env) => new Forward(env, instances) }
  },
}
