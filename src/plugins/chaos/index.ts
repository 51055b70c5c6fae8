import { placeOf, refuseBlock } from '../../corefile/options.ts'
import type { Env } from '../../core/env.ts'
import { DONE, NEXT, type Plugin, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { COMPATIBLE_VERSION } from '../../core/version.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { txtRdata } from '../../wire/rdata.ts'

const AUTHORS: readonly string[] = ['The Hearth authors']
const STRING_LIMIT = 255

interface ChaosOptions {
  readonly version: string
  readonly authors: readonly string[]
}

export const chaosPlugin: Plugin = {
  name: 'chaos',
  parse(directive) {
    // As in CoreDNS the first use counts, and later ones are not even read.
    const line = directive.lines[0]!
    refuseBlock(line, placeOf('chaos', line.token))
    const [version = `CoreDNS-${COMPATIBLE_VERSION}`, ...authors] = line.args.map((token) => cut(token.text))
    const options = { version, authors: authors.length === 0 ? AUTHORS : [...new Set(authors)].sort() }
    return { build: (env) => chaos(env, options) }
  },
}

/** Answers questions of class CH about the server itself (specification 3.18). */
function chaos(env: Env, { version, authors }: ChaosOptions): Stage {
  const texts: Readonly<Record<Name, () => readonly string[]>> = {
    'authors.bind.': () => shuffled(authors, env),
    'version.bind.': () => [version],
    'version.server.': () => [version],
    'hostname.bind.': () => [cut(env.host.name)],
    'id.server.': () => [cut(env.host.name)],
  }
  return {
    name: 'chaos',
    query(q: Query): Verdict {
      const { name, type, class: klass } = q.question
      if (klass !== CLASS.CH || type !== TYPE.TXT) return NEXT
      const lower = lowerName(name)
      if (!Object.hasOwn(texts, lower)) return NEXT
      q.begin().answers = texts[lower]!().map((text) => ({ name, type: TYPE.TXT, class: CLASS.CH, ttl: 0, rdata: txtRdata([text]) }))
      return DONE
    },
  }
}

function shuffled(items: readonly string[], env: Env): string[] {
  const left = [...items]
  return items.map(() => left.splice(env.random.int(left.length), 1)[0]!)
}

/** A character string holds 255 octets. */
function cut(text: string): string {
  const octets = new TextEncoder().encode(text)
  return octets.length <= STRING_LIMIT ? text : new TextDecoder().decode(octets.subarray(0, STRING_LIMIT)).replace(/\uFFFD+$/, '')
}
