import { prefixContains, type Prefix } from '../../base/ip.ts'
import type { Env, Random } from '../../core/env.ts'
import type { Stage } from '../../core/plugin.ts'
import type { QuickStage } from '../../core/quick.ts'
import type { Query } from '../../core/query.ts'
import { RCODE, TYPE } from '../../wire/codes.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import { isAddress } from '../../wire/rdata.ts'
import type { LoadBalanceOptions } from './options.ts'
import { shuffleOctets } from './octets.ts'
import { Weights } from './weights.ts'

/** Reorders the addresses of answers, so that clients that take the first are spread (specification 3.14). */
export class LoadBalance implements Stage {
  readonly name = 'loadbalance'
  readonly #random: Random
  readonly #prefer: readonly Prefix[]
  readonly #weights: Weights | undefined
  /** Weights and preferences take the ordinary way. */
  readonly quick?: QuickStage

  constructor(env: Env, options: LoadBalanceOptions) {
    this.#random = env.random
    this.#prefer = options.policy === 'round_robin' ? options.prefer : []
    this.#weights = options.policy === 'weighted' ? new Weights(env, options) : undefined
    if (options.policy === 'round_robin' && options.prefer.length === 0) {
      this.quick = { reply: (question, reply) => shuffleOctets(question, reply, this.#random), byWorkers: { shuffles: true } }
    }
  }

  async start(): Promise<void> {
    this.#weights?.start()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#weights?.stop()
    return Promise.resolve()
  }

  reply(q: Query): void {
    const { reply, question } = q
    if (!q.written || reply.rcode !== RCODE.NOERROR || question.type === TYPE.AXFR || question.type === TYPE.IXFR) return
    if (this.#weights !== undefined) {
      if (!isAddress(question.type) && question.type !== TYPE.SRV) return
      reply.answers = this.#weighted(reply.answers)
      reply.additionals = this.#weighted(reply.additionals)
      return
    }
    reply.answers = this.#shuffled(reply.answers)
    reply.authorities = this.#shuffled(reply.authorities)
    reply.additionals = this.#shuffled(reply.additionals)
  }

  #shuffled(records: ResourceRecord[]): ResourceRecord[] {
    if (records.length < 2) return records
    const { aliases, addresses, exchanges, others } = partition(records)
    shuffle(addresses, this.#random)
    shuffle(exchanges, this.#random)
    if (this.#prefer.length === 0) return [...aliases, ...others, ...addresses, ...exchanges]
    return [...aliases, ...preferred(addresses, this.#prefer), ...exchanges, ...others]
  }

  #weighted(records: ResourceRecord[]): ResourceRecord[] {
    const { aliases, addresses, exchanges, others } = partition(records)
    if (addresses.length === 0) return records
    const top = this.#weights!.choose(addresses, this.#random)
    const first = addresses[0]!
    addresses[0] = addresses[top]!
    addresses[top] = first
    return [...aliases, ...others, ...addresses, ...exchanges]
  }
}

interface Parts {
  readonly aliases: ResourceRecord[]
  readonly addresses: ResourceRecord[]
  readonly exchanges: ResourceRecord[]
  readonly others: ResourceRecord[]
}

function partition(records: readonly ResourceRecord[]): Parts {
  const parts: Parts = { aliases: [], addresses: [], exchanges: [], others: [] }
  for (const record of records) {
    if (record.type === TYPE.CNAME) parts.aliases.push(record)
    else if (isAddress(record.type)) parts.addresses.push(record)
    else if (record.type === TYPE.MX) parts.exchanges.push(record)
    else parts.others.push(record)
  }
  return parts
}

function shuffle(records: ResourceRecord[], random: Random): void {
  for (let i = 0; i < records.length - 1; i++) {
    const j = i + Math.floor(random.float() * (records.length - i))
    const held = records[i]!
    records[i] = records[j]!
    records[j] = held
  }
}

/** Groups by the first prefix that contains the address; the order within a group stays. */
function preferred(addresses: readonly ResourceRecord[], prefer: readonly Prefix[]): ResourceRecord[] {
  const rank = (record: ResourceRecord) => {
    const at = prefer.findIndex((prefix) => prefixContains(prefix, record.rdata))
    return at < 0 ? prefer.length : at
  }
  return addresses.toSorted((a, b) => rank(a) - rank(b))
}
