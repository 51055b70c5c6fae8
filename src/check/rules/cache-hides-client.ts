import type { Directive, Token } from '../../corefile/tree.ts'
import type { Rule } from '../configuration.ts'

/** Stages below cache, in order of execution, whose answer depends on who asks: the cache gives one client's to all. */
const PER_QUERY: Readonly<Record<string, (directive: Directive) => Token | undefined>> = {
  whoami: (directive) => directive.token,
  template: (directive) => directive.lines.flatMap((line) => line.block ?? [])
    .find((option) => option.args.some((arg) => /\.Remote\b|\bclient_ip\(|\bport\(|\bid\(/.test(arg.text)))?.token,
}

export const cacheHidesClient: Rule = {
  code: 'cache-hides-client',
  look: ({ blocks }) => blocks.flatMap((block) => {
    if (!block.has('cache')) return []
    return Object.entries(PER_QUERY).flatMap(([name, find]) => {
      const directive = block.sound(name)
      const token = directive === undefined ? undefined : find(directive)
      if (token === undefined) return []
      return [{ token, message: `${name} answers each client differently, but cache stands before it and gives one client's answer to all`, remedy: `give ${name} a server block of its own without cache` }]
    })
  }),
}
