import { placeOf } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'
import type { BindRule } from '../../core/settings.ts'
import type { Line } from '../../corefile/tree.ts'

export const bindPlugin: Plugin = {
  name: 'bind',
  parse: (directive) => ({ settings: { bind: directive.lines.map(parseLine) } }),
}

/** `bind ADDRESS|IFACE... { except ADDRESS|IFACE... }`. Whether the words mean something is known when sockets are opened. */
function parseLine(line: Line): BindRule {
  const place = placeOf('bind', line.token)
  if (line.args.length === 0) place.fail('at least one address or interface name is expected')
  const excepts = (line.block ?? []).map((inner) => {
    if (inner.token.text !== 'except') place.fail(`unknown property '${inner.token.text}'; known here: except`, inner.token)
    if (inner.args.length === 0) place.fail('except: at least one address or interface name is expected', inner.token)
    return inner.args
  })
  return { include: line.args, except: excepts.at(-1) ?? [] }
}
