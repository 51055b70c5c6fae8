import type { Directive, Line } from '../corefile/tree.ts'
import type { Stage } from './plugin.ts'
import type { Query } from './query.ts'

/**
 * What stages know of one query besides its message, by label: `kubernetes/client-namespace`. There is one for each query that comes to a
 * block with the `metadata` directive; questions that stages ask below themselves share it. Values are worked out when somebody looks.
 */
export class Metadata {
  readonly #q: Query
  readonly #providers: readonly Stage[]
  readonly #said = new Map<string, () => string>()

  /** `q` as it came to the block; providers look at what the client asked. */
  constructor(q: Query, providers: readonly Stage[]) {
    this.#q = q
    this.#providers = providers
  }

  /** Undefined when nobody knows. */
  get(label: string): string | undefined {
    const said = this.#said.get(label)
    if (said !== undefined) return said()
    for (let i = this.#providers.length - 1; i >= 0; i--) {
      const value = this.#providers[i]!.metadata!(label, this.#q)
      if (value !== undefined) return value
    }
    return undefined
  }

  /** What a stage finds out while it works on the query. */
  set(label: string, value: () => string): void {
    this.#said.set(label, value)
  }
}

/** What follows `prefix` where the words of these directives name a label that begins so: `{/PREFIXkey}`, `metadata('PREFIXkey')`. */
export function labelsNamed(directives: readonly Directive[], prefix: string): string[] {
  const found = new Set<string>()
  const look = ({ token, args, block = [] }: Line) => {
    for (const { text } of [token, ...args]) for (const [, rest] of text.split(prefix).slice(1).map((part) => /^([-\w./]+)/.exec(part) ?? [])) if (rest !== undefined) found.add(rest)
    block.forEach(look)
  }
  for (const directive of directives) directive.lines.forEach(look)
  return [...found].sort()
}

/** `plugin/label`, neither of them empty. */
export function isMetadataLabel(text: string): boolean {
  const slash = text.indexOf('/')
  return slash > 0 && slash < text.length - 1
}
