import { isImpossible } from '../../cluster/purity.ts'
import type { Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { IN_FULL, type QuickStage } from '../../core/quick.ts'
import { QuickZones } from '../../core/quick-zones.ts'
import { PerServer } from '../../core/server-info.ts'
import type { Facts } from '../../core/trace.ts'
import { matchZone } from '../../core/zones.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import { countLabels, lowerName, type Name } from '../../wire/name.ts'
import { Lesson } from './lesson.ts'

/** What clients ask for. Other types have rules of their own, in the resolver or on the way to it. */
const TYPES = new Set<number>([TYPE.A, TYPE.AAAA, TYPE.CNAME, TYPE.PTR, TYPE.MX, TYPE.TXT, TYPE.SRV, TYPE.SVCB, TYPE.HTTPS])

/** Denies what no object of a cluster can be called, in the upstream's own words, while it says that nothing else lives in its zone. */
export class Pure implements Stage {
  readonly name = 'pure'
  readonly quick: QuickStage
  readonly #lessons: ReadonlyMap<Name, Lesson>
  readonly #saved: PerServer<Counter>

  constructor(env: Env, zones: readonly Name[]) {
    this.#lessons = new Map(zones.map((zone) => [zone, new Lesson(env, zone)]))
    const saved = env.metrics.counter('hearth_pure_saved_queries_total', 'Counter of queries that upstreams need not be asked, because no object can have the name.', ['server'])
    this.#saved = new PerServer((server) => saved.with(server.label))
    this.quick = quickly(zones)
  }

  query(q: Query): Verdict {
    const lesson = this.#lessonFor(q)
    if (lesson === undefined) return NEXT
    lesson.refresh(q)
    const { denial } = lesson
    if (denial === undefined) return NEXT
    const { name } = q.question
    const reply = q.begin(RCODE.NXDOMAIN)
    reply.aa = denial.aa
    reply.ra = denial.ra
    reply.authorities = [denial.soa(name.slice(name.length - lesson.zone.length))]
    this.#saved.of(q.server).add()
    return DONE
  }

  explain(q: Query): Facts {
    const zone = matchZone([...this.#lessons.keys()], q.question.name)
    if (zone === undefined) return { zone: `none of ${[...this.#lessons.keys()].join(' ')}` }
    const says = this.#lessons.get(zone)!.denial === undefined ? 'does not say that the zone is pure, or was not asked yet' : 'says that the zone is pure'
    return { zone, upstream: says, name: isImpossible(lowerName(q.question.name), zone) ? 'no object can have it' : 'an object may have it' }
  }

  /** Undefined when the name is possible, or the type none of ours. */
  #lessonFor({ question: { name, type, class: asked } }: Query): Lesson | undefined {
    if (asked !== CLASS.IN || !TYPES.has(type)) return undefined
    const zone = matchZone([...this.#lessons.keys()], name)
    return zone !== undefined && isImpossible(lowerName(name), zone) ? this.#lessons.get(zone) : undefined
  }
}

const SVC = Uint8Array.from(Buffer.from('\x03svc'))
const POD = Uint8Array.from(Buffer.from('\x03pod'))
/** Labels left of the zone that a name with neither topology zones nor nonsense has at most: `port.protocol.service.namespace.svc`. */
const MOST_LABELS = 5

/** Whatever looks like a name of the schema passes; the rest takes the ordinary way. */
function quickly(zones: readonly Name[]): QuickStage {
  const labels = new QuickZones(zones.map((zone) => [zone, countLabels(zone)]))
  return {
    query(question) {
      const ofZone = labels.match(question)
      if (ofZone === undefined || question.labelCount === ofZone) return NEXT
      const count = question.labelCount - ofZone
      const at = question.labels[count - 1]!
      return count <= MOST_LABELS && (startsAt(question.name, at, SVC) || startsAt(question.name, at, POD)) ? NEXT : IN_FULL
    },
  }
}

function startsAt(name: Uint8Array, at: number, label: Uint8Array): boolean {
  for (let i = 0; i < label.length; i++) if (name[at + i] !== label[i]) return false
  return true
}
