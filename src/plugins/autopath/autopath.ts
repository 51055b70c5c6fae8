import { ConfigError } from '../../corefile/error.ts'
import type { Answer, Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { IN_FULL, type QuickStage } from '../../core/quick.ts'
import { PerServer } from '../../core/server-info.ts'
import type { ClusterState } from '../../core/stage-state.ts'
import type { Facts } from '../../core/trace.ts'
import { matchZone } from '../../core/zones.ts'
import { parseResolvConf } from '../../upstream/resolv-conf.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import type { Message } from '../../wire/message.ts'
import { countLabels, equalNames, isSubdomain, lowerName, parseName, type Name } from '../../wire/name.ts'
import { nameRdata } from '../../wire/rdata.ts'
import { NodePods } from './node-pods.ts'
import type { AutopathOptions } from './options.ts'
import { searchOfName, SearchNames } from './search-of-name.ts'

/** Walks a client's search list on the server, so that a name found late costs one round trip (specification 3.8). */
export class Autopath implements Stage {
  readonly name = 'autopath'
  readonly quick?: QuickStage
  readonly #env: Env
  readonly #options: AutopathOptions
  readonly #successes: PerServer<Counter>
  readonly #saved: PerServer<Counter>
  readonly #pods: NodePods | undefined
  #search: (q: Query) => readonly Name[] | undefined = () => undefined

  constructor(env: Env, options: AutopathOptions) {
    this.#env = env
    this.#options = options
    const family = env.metrics.counter('coredns_autopath_success_total', 'Counter of requests that did autopath.', ['server'])
    this.#successes = new PerServer((server) => family.with(server.label))
    const saved = env.metrics.counter('hearth_autopath_saved_queries_total', 'Counter of queries that clients need not ask, because their search list was walked here.', ['server'])
    this.#saved = new PerServer((server) => saved.with(server.label))
    if (options.from.kind !== 'name') return
    this.quick = quickly(new SearchNames(options.zones))
    if (options.from.pods !== undefined) this.#pods = new NodePods(env, options.from.pods, options.token)
  }

  async start(): Promise<void> {
    const { from, token } = this.#options
    if (from.kind === 'file') {
      const search = this.#readSearch(from.path)
      this.#search = () => search
    } else if (from.kind === 'name') {
      await this.#pods?.start()
      const beyond = this.#env.hostSearchPath()
      this.#search = (q) => this.#ofWhoAsks(q, searchOfName(q.question.name, this.#options.zones, beyond))
    } else {
      const stage = this.#env.siblings().find((other) => other.name === from.name)
      if (stage !== undefined && stage.searchPath === undefined) throw new ConfigError(token, 'autopath', `${from.name} does not implement the AutoPather interface: it knows no search list`)
      this.#search = (q) => stage?.searchPath?.(q)
    }
  }

  async stop(): Promise<void> {
    this.#pods?.stop()
    return Promise.resolve()
  }

  states(): readonly ClusterState[] {
    return this.#pods === undefined ? [] : [this.#pods.state(this.#options.zones)]
  }

  explain(q: Query): Facts {
    const search = this.#search(q)
    return {
      ...(this.#pods === undefined ? {} : { client: `${q.client.address}: ${this.#pods.describe(q.client.address)}` }),
      search: search === undefined ? 'none for this name and client' : search.map((name) => (name === '' ? '.' : name)),
    }
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
    for (const [i, suffix] of search.entries()) {
      const name = suffix === '' || suffix === '.' ? base : `${base}${suffix}`
      const answer = await this.#env.ask(q, { scope: this.#scopeOf(name), question: { ...original, name: name === '' ? '.' : name } })
      if (answer.error !== undefined) {
        q.fail(answer.message.rcode, answer.error, answer.extendedError)
        return DONE
      }
      first ??= answer
      if (!answer.written || answer.message.rcode === RCODE.NXDOMAIN) continue
      alias(answer.message, original.name)
      answer.message.questions = [original]
      q.adopt(answer.message)
      this.#successes.of(q.server).add()
      this.#saved.of(q.server).add(i)
      return DONE
    }
    if (first?.written === true) q.adopt(first.message)
    else q.fail(first?.message.rcode ?? RCODE.SERVFAIL, undefined, first?.extendedError)
    return DONE
  }

  /** What the name shows is the list of Pods in one namespace: others may mean the name as it is. */
  #ofWhoAsks(q: Query, search: readonly Name[] | undefined): readonly Name[] | undefined {
    const [own] = search ?? []
    return own === undefined || this.#pods?.live(q.client.address, lowerName(own.slice(0, own.indexOf('.')))) === false ? undefined : search
  }

  /** The list may lead out of the block's zones: then another block answers. Other lists are walked within the block, as CoreDNS has it. */
  #scopeOf(name: Name): 'below' | 'server' {
    return this.#options.from.kind !== 'name' || matchZone(this.#env.block.zones, name) !== undefined ? 'below' : 'server'
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

/** What a name of its own tells is told without the client: names without a search list pass, and the packet cache never learns of the others. */
function quickly(names: SearchNames): QuickStage {
  return { query: (question) => (names.has(question) ? IN_FULL : NEXT), byWorkers: {} }
}

/** The first record with another owner gets a CNAME before it, from the name that was asked, with its TTL. */
function alias(message: Message, original: Name): void {
  const other = message.answers.find((record) => !equalNames(record.name, original))
  if (other === undefined || parseName(original) === undefined || countLabels(original) === 0) return
  message.answers = [{ name: original, type: TYPE.CNAME, class: other.class, ttl: other.ttl, rdata: nameRdata(other.name) }, ...message.answers]
}
