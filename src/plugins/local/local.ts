import type { Env } from '../../core/env.ts'
import type { Counter, Metrics } from '../../core/metrics.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { matchZone } from '../../core/zones.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { nameRdata, soaRdata } from '../../wire/rdata.ts'

const TTL = 604_800
const LOCALHOST = 'localhost.'
const LOCALHOST_PTR = '1.0.0.127.in-addr.arpa.'
const ZONES: readonly Name[] = [LOCALHOST, '0.in-addr.arpa.', '127.in-addr.arpa.', '255.in-addr.arpa.']

const SOA = soaRdata({ mname: LOCALHOST, rname: 'root.localhost.', serial: 1, refresh: 0, retry: 0, expire: 0, minimum: TTL })
const LOOPBACK: ReadonlyMap<number, Uint8Array> = new Map([
  [TYPE.A, Uint8Array.of(127, 0, 0, 1)],
  [TYPE.AAAA, Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0))],
])

/** Answers for localhost and for addresses that no server elsewhere should be asked about (RFC 6303, specification 3.18). */
export class Local implements Stage {
  readonly name = 'local'
  /** Whether `localhost.example.org.`, which search lists make, is local as well. */
  readonly #prefix: boolean
  readonly #localhosts: Counter

  constructor(env: Env, prefix: boolean) {
    this.#prefix = prefix
    this.#localhosts = localhosts(env.metrics)
  }

  query(q: Query): Verdict {
    const { name, type } = q.question
    const lower = lowerName(name)
    if (this.#isLocalhost(lower)) {
      this.#localhosts.add()
      settle(q, loopback(name, type), name)
      return DONE
    }
    const zone = matchZone(ZONES, lower)
    if (zone === undefined) return NEXT
    // The zone keeps the letter case of the question.
    const origin = name.slice(name.length - zone.length)
    if (lower === zone) settle(q, apex(name, zone, type), name)
    else if (lower === LOCALHOST_PTR) settle(q, type === TYPE.PTR ? [record(name, TYPE.PTR, nameRdata(LOCALHOST))] : [], origin)
    else q.begin(RCODE.NXDOMAIN).authorities = [record(origin, TYPE.SOA, SOA)]
    return DONE
  }

  #isLocalhost(lower: Name): boolean {
    return lower.endsWith(`.${LOCALHOST}`) || (this.#prefix && lower.length > LOCALHOST.length && lower.startsWith(LOCALHOST))
  }
}

/** NODATA with the SOA at `owner` when there are no answers. */
function settle(q: Query, answers: ResourceRecord[], owner: Name): void {
  const reply = q.begin()
  reply.answers = answers
  if (answers.length === 0) reply.authorities = [record(owner, TYPE.SOA, SOA)]
}

function apex(name: Name, zone: Name, type: number): ResourceRecord[] {
  if (type === TYPE.SOA) return [record(name, TYPE.SOA, SOA)]
  if (type === TYPE.NS) return [record(name, TYPE.NS, nameRdata(LOCALHOST))]
  return zone === LOCALHOST ? loopback(name, type) : []
}

function loopback(name: Name, type: number): ResourceRecord[] {
  const address = LOOPBACK.get(type)
  return address === undefined ? [] : [record(name, type, address)]
}

function record(name: Name, type: number, rdata: Uint8Array): ResourceRecord {
  return { name, type, class: CLASS.IN, ttl: TTL, rdata }
}

export function localhosts(metrics: Metrics): Counter {
  return metrics.counter('coredns_local_localhost_requests_total', 'Counter of special localhost subdomain requests.').with()
}
