import type { Prefix } from '../../base/ip.ts'
import type { Env } from '../../core/env.ts'
import type { Counter } from '../../core/metrics.ts'
import { DONE, DROP, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { responseType } from '../../core/response-type.ts'
import { PerServer } from '../../core/server-info.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import type { Message, ResourceRecord } from '../../wire/message.ts'
import { lowerName } from '../../wire/name.ts'
import type { Dns64Options } from './options.ts'

/** TTL of synthesised records where the denial has no SOA (RFC 6147 5.1.7). */
const DEFAULT_TTL = 600

/** Makes AAAA records out of A records for IPv6-only clients (RFC 6147, specification 3.17). */
export class Dns64 implements Stage {
  readonly name = 'dns64'
  readonly #env: Env
  readonly #options: Dns64Options
  readonly #translated: PerServer<Counter>

  constructor(env: Env, options: Dns64Options) {
    this.#env = env
    this.#options = options
    const family = env.metrics.counter('coredns_dns64_requests_translated_total', 'Counter of DNS requests translated by dns64.', ['server'])
    this.#translated = new PerServer((server) => family.with(server.label))
  }

  query(q: Query): Verdict | Promise<Verdict> {
    const { type, class: klass } = q.question
    if (type !== TYPE.AAAA || klass !== CLASS.IN || (q.client.family === 1 && !this.#options.allowIpv4)) return NEXT
    return this.#translate(q)
  }

  async #translate(q: Query): Promise<Verdict> {
    const native = await this.#env.ask(q, { scope: 'below' })
    // What a rewrite below made of the OPT is of the client's query, not only of the question asked for it.
    q.request.edns = native.askedEdns
    if (native.dropped) return DROP
    if (!native.written) {
      q.fail(native.message.rcode, native.error)
      return DONE
    }
    if (!this.#wanted(native.message)) {
      q.adopt(native.message)
      return DONE
    }
    const { name, class: klass } = q.question
    const v4 = await this.#env.ask(q, { scope: 'server', question: { name: lowerName(name), type: TYPE.A, class: klass } })
    if (!v4.written) {
      q.fail(v4.message.rcode, v4.error)
      return DONE
    }
    this.#translated.of(q.server).add()
    this.#synthesise(q, v4.message, maxTtl(native.message))
    return DONE
  }

  #wanted(native: Message): boolean {
    if (responseType(native, this.#env.clock.wallMs()) === 'NXDOMAIN') return false
    return this.#options.translateAll || !native.answers.some((record) => record.type === TYPE.AAAA)
  }

  #synthesise(q: Query, v4: Message, ttlLimit: number): void {
    const reply = q.begin(RCODE.NOERROR)
    reply.tc = v4.tc
    reply.authorities = v4.authorities
    reply.additionals = v4.additionals
    reply.edns = v4.edns
    reply.answers = v4.answers.map((record) => (record.type === TYPE.A ? this.#synthetic(record, ttlLimit) : record))
  }

  #synthetic(record: ResourceRecord, ttlLimit: number): ResourceRecord {
    const { name, class: klass, ttl } = record
    return { name, type: TYPE.AAAA, class: klass, ttl: Math.min(ttl, ttlLimit), rdata: embed(this.#options.prefix, record.rdata) }
  }
}

/** The denial's SOA bounds the TTL; without one, ten minutes. */
function maxTtl(native: Message): number {
  return native.authorities.find((record) => record.type === TYPE.SOA)?.ttl ?? DEFAULT_TTL
}

/** Puts an IPv4 address behind a prefix; octet 8 is reserved and stays zero (RFC 6052 2.2). */
export function embed(prefix: Prefix, v4: Uint8Array): Uint8Array {
  const address = new Uint8Array(16)
  let at = prefix.bits / 8
  address.set(prefix.bytes.subarray(0, at))
  for (const octet of v4) {
    if (at === 8) at++
    address[at++] = octet
  }
  return address
}
