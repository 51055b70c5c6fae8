import type { Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import type { QuickStage, QuickVerdict } from '../../core/quick.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import { PerServer } from '../../core/server-info.ts'
import { matchZone } from '../../core/zones.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import type { Name } from '../../wire/name.ts'

/** Says that names in some zones have no IPv6 address, without asking anybody. */
export class NoAaaa implements Stage {
  readonly name = 'no_aaaa'
  readonly quick: QuickStage
  readonly #zones: readonly Name[]
  readonly #saved: PerServer<Counter>

  constructor(env: Env, zones: readonly Name[]) {
    this.#zones = zones
    const saved = env.metrics.counter('hearth_no_aaaa_saved_queries_total', 'Counter of AAAA queries answered here, which neither caches nor upstreams see.', ['server'])
    this.#saved = new PerServer((server) => saved.with(server.label))
    this.quick = quickly(zones, this.#saved)
  }

  query(q: Query): Verdict {
    const { name, type, class: asked } = q.question
    if (type !== TYPE.AAAA || asked !== CLASS.IN || matchZone(this.#zones, name) === undefined) return NEXT
    // With neither AA nor RA, glibc takes an empty answer for that of a server which does not know, and asks the next one.
    q.begin().aa = true
    this.#saved.of(q.server).add()
    return DONE
  }
}

/** AAAA never gets as far as a cache, so that packet workers cannot know of it either. */
function quickly(zones: readonly Name[], saved: PerServer<Counter>): QuickStage {
  const names = new QuickZones<true>(zones.map((zone) => [zone, true]))
  let answered = false
  return {
    query(question: QuickQuestion, reply: QuickReply): QuickVerdict {
      answered = question.type === TYPE.AAAA && names.match(question) === true
      if (!answered) return NEXT
      reply.aa = true
      return DONE
    },
    reply(question: QuickQuestion): void {
      if (answered) saved.of(question.server!).add()
    },
    byWorkers: {},
  }
}
