import { COUNTED_TYPES } from '../../core/dns-metrics.ts'
import { BUCKETS } from '../../core/metrics.ts'
import type { QuickQuestion } from '../../core/quick-question.ts'
import type { Spread, Tally } from '../../core/quick.ts'
import { TYPE } from '../../wire/codes.ts'

/** Listener groups times zones; what comes beyond is not served by the packet cache. */
export const ROWS_LIMIT = 256
const TYPES = COUNTED_TYPES.length + 1
/** Doubles of a row: requests by family and type, replies by rcode, DO, hits, then each spread's buckets and sum. */
const AT = { REQUESTS: 0, REPLIES: TYPES * 2, DNSSEC_OK: TYPES * 2 + 16, SUCCESS: TYPES * 2 + 17, DENIAL: TYPES * 2 + 18, DURATIONS: TYPES * 2 + 19 } as const
const REQUEST_SIZES = AT.DURATIONS + BUCKETS.TB.length + 2
const REPLY_SIZES = REQUEST_SIZES + BUCKETS.SIZE.length + 2
const ROW = REPLY_SIZES + BUCKETS.SIZE.length + 2

/** Place in `COUNTED_TYPES` by type below 256; all others count as the last. */
const TYPE_PLACE = Uint8Array.from({ length: 256 }, (_, type) => {
  const place = COUNTED_TYPES.findIndex((name) => TYPE[name] === type)
  return place < 0 ? TYPES - 1 : place
})

/** Counters of one worker, written by it alone and read by the main thread. */
export class TallyMemory {
  readonly buffer: SharedArrayBuffer
  readonly #numbers: Float64Array

  constructor(buffer = new SharedArrayBuffer(ROWS_LIMIT * ROW * 8)) {
    this.buffer = buffer
    this.#numbers = new Float64Array(buffer)
  }

  /** `replyBytes`: without the OPT. */
  count(row: number, question: QuickQuestion, rcode: number, denial: boolean, replyBytes: number): void {
    const numbers = this.#numbers
    const at = row * ROW
    numbers[at + (question.family - 1) * TYPES + (question.type < 256 ? TYPE_PLACE[question.type]! : TYPES - 1)]!++
    numbers[at + AT.REPLIES + rcode]!++
    if (question.do) numbers[at + AT.DNSSEC_OK]!++
    numbers[at + (denial ? AT.DENIAL : AT.SUCCESS)]!++
    this.#observe(at + REQUEST_SIZES, BUCKETS.SIZE, question.length, 1)
    this.#observe(at + REPLY_SIZES, BUCKETS.SIZE, replyBytes, 1)
  }

  /** Of so many queries that took as long. */
  countDurations(row: number, seconds: number, times: number): void {
    this.#observe(row * ROW + AT.DURATIONS, BUCKETS.TB, seconds, times)
  }

  /** Adds a row to `sum`, which has room for `TALLY_NUMBERS`. */
  addTo(sum: Float64Array, row: number): void {
    for (let i = 0; i < ROW; i++) sum[i]! += this.#numbers[row * ROW + i]!
  }

  #observe(at: number, bounds: readonly number[], value: number, times: number): void {
    let i = 0
    while (i < bounds.length && value > bounds[i]!) i++
    this.#numbers[at + i]! += times
    this.#numbers[at + bounds.length + 1]! += value * times
  }
}

export const TALLY_NUMBERS = ROW

/** A row's numbers by name. */
export function readTally(numbers: Float64Array, server: string, zone: string): Tally {
  const spread = (at: number, bounds: readonly number[]): Spread => ({ counts: numbers.subarray(at, at + bounds.length + 1), sum: numbers[at + bounds.length + 1]! })
  return {
    server,
    zone,
    requests: [numbers.subarray(0, TYPES), numbers.subarray(TYPES, TYPES * 2)],
    replies: numbers.subarray(AT.REPLIES, AT.REPLIES + 16),
    dnssecOk: numbers[AT.DNSSEC_OK]!,
    durations: spread(AT.DURATIONS, BUCKETS.TB),
    requestSizes: spread(REQUEST_SIZES, BUCKETS.SIZE),
    replySizes: spread(REPLY_SIZES, BUCKETS.SIZE),
    successHits: numbers[AT.SUCCESS]!,
    denialHits: numbers[AT.DENIAL]!,
  }
}
