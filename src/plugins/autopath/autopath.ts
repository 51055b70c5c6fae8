import { ConfigError } from '../../corefile/error.ts'
import type { Answer, Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { PerServer } from '../../core/server-info.ts'
import { matchZone } from '../../core/zones.ts'
import { parseResolvConf } from '../../upstream/resolv-conf.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import type { Message } from '../../wire/message.ts'
import { countLabels, equalNames, isSubdomain, lowerName, parseName, type Name } from '../../wire/name.ts'
import { nameRdata } from '../../wire/rdata.ts'
import type { AutopathOptions } from './options.ts'

/** Walks a client's search list on the server, so that a name found late costs one round trip (specification 3.8). */
export class Autopath implements Stage {
  readonly name = 'autopath'
  readonly #env: Env
  readonly #options: AutopathOptions
  readonly #successes: PerServer<Counter>
  #search: (q: Query) => readonly Name[] | undefined = () => undefined

  constructor(env: Env, options: AutopathOptions) {
    this.#env = env
    this.#options = options
    const family = env.metrics.counter('coredns_autopath_success_total', 'Counter of requests that did autopath.', ['server'])
    this.#successes = new PerServer((server) => family.with(server.label))
  }

  async start(): Promise<void> {
    const { from, token } = this.#options
    if (from.kind === 'file') {
      const search = this.#readSearch(from.path)
      this.#search = () => search
    } else {
      const stage = this.#env.siblings().find((other) => other.name === from.name)
      if (stage !== undefined && stage.searchPath === undefined) throw new ConfigError(token, 'autopath', `${from.name} does not implement the AutoPather interface: it knows no search list`)
      this.#search = (q) => stage?.searchPath?.(q)
    }
    return Promise.resolve()
  }

  query(q: Query): Verdict | Promise<Verdict> {
    if (matchZone(this.#options.zones, q.question.name) === undefined) return NEXT
    const search = this.#search(q)
    const first = search?.[0]
    if (first === undefined || !isSubdomain(q.question.name, first)) return NEXT
    if (equalNames(q.question.name, first)) {
      q.fail(RCODE.SERVFAIL, new Error(`trimzone: overshot qname: ${lowerName(q.question.name)}for zone ${first}`))
      return DONE
    }
    return this.#walk(q, search!)
  }

  async #walk(q: Query, search: readonly Name[]): Promise<Verdict> {
    const original = q.question
    const base = original.name.slice(0, original.name.length - search[0]!.length)
    let first: Answer | undefined
    for (const suffix of search) {
      const name = suffix === '' || suffix === '.' ? base : `${base}${suffix}`
      const answer = await this.#env.ask(q, { scope: 'below', question: { ...original, name: name === '' ? '.' : name } })
      if (answer.error !== undefined) {
        q.fail(answer.message.rcode, answer.error)
        return DONE
      }
      first ??= answer
      if (!answer.written || answer.message.rcode === RCODE.NXDOMAIN) continue
      alias(answer.message, original.name)
      answer.message.questions = [original]
      q.adopt(answer.message)
      this.#successes.of(q.server).add()
      return DONE
    }
    if (first?.written === true) q.adopt(first.message)
    else q.fail(first?.message.rcode ?? RCODE.SERVFAIL)
    return DONE
  }

  #readSearch(path: string): readonly Name[] {
    try {
      const text = new TextDecoder().decode(this.#env.files.read(path))
      return [...parseResolvConf(text).search, '']
    } catch (error) {
      throw new ConfigError(this.#options.token, 'autopath', `failed to parse "${path}": ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

/** The first record with another owner gets a CNAME before it, from the name that was asked, with its TTL. */
function alias(message: Message, original: Name): void {
  const other = message.answers.find((record) => !equalNames(record.name, original))
  if (other === undefined || parseName(original) === undefined || countLabels(original) === 0) return
  message.answers = [{ name: original, type: TYPE.CNAME, class: other.class, ttl: other.ttl, rdata: nameRdata(other.name) }, ...message.answers]
}
