import type { QuickQuestion } from '../../core/quick-question.ts'
import type { QuickReply } from '../../core/quick-reply.ts'
import { TYPE } from '../../wire/codes.ts'

/** TTLs and addresses that one reply may have; both fit eight bits. */
const POSITIONS_LIMIT = 64

/** Where in a reply what changes from one time to the next stands. */
export interface Layout {
  readonly ttls: readonly number[]
  /** Address records that change places; they follow each other and are of one length. */
  readonly addresses: readonly number[]
  readonly addressBytes: number
}

/**
 * Finds TTLs and addresses. Undefined when a worker could not do what the stages do: too many records, or records that `loadbalance`
 * moves outside of the answers or of different lengths.
 */
export function readLayout(question: QuickQuestion, reply: QuickReply, shuffles: boolean): Layout | undefined {
  const { bytes } = reply
  const records = reply.answers + reply.authorities + reply.additionals
  if (records > POSITIONS_LIMIT) return undefined
  const ttls: number[] = []
  const addresses: number[] = []
  let addressBytes = 0
  let moved = 0
  for (let i = 0, at = question.questionEnd; i < records; i++) {
    const start = at
    while (bytes[at] !== 0) at += bytes[at]! + 1
    const type = (bytes[at + 1]! << 8) | bytes[at + 2]!
    ttls.push(at + 5)
    at += 11 + ((bytes[at + 9]! << 8) | bytes[at + 10]!)
    if (!shuffles || !isMoved(type)) continue
    moved++
    if (i >= reply.answers || type === TYPE.MX) continue
    if (addressBytes !== 0 && at - start !== addressBytes) return undefined
    addressBytes = at - start
    addresses.push(start)
  }
  if (moved > 1 && moved !== addresses.length) return undefined
  return { ttls, addresses: addresses.length > 1 ? addresses : [], addressBytes }
}

function isMoved(type: number): boolean {
  return type === TYPE.A || type === TYPE.AAAA || type === TYPE.MX
}
