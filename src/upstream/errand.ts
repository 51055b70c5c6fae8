import type { Clock, Timer } from '../base/clock.ts'
import { Expiry } from '../base/expiry.ts'
import type { Random } from '../core/env.ts'
import type { Protocol } from '../core/query.ts'
import type { Attempt } from '../core/trace.ts'
import { RCODE, rcodeName } from '../wire/codes.ts'
import type { Question } from '../wire/message.ts'
import type { Call, Caller } from './call.ts'
import { UpstreamError } from './failure.ts'
import { expandReply, isNoCookie, readReply, restoreCase, UpstreamReply } from './reply.ts'
import { isTruncated, matchReply, withRandomCase, type Request } from './request.ts'
import type { Upstream } from './upstream.ts'

/** One question takes at most this long, however many attempts it makes. */
const DEADLINE_MS = 5000
/** Without a limit of attempts, each but the first few waits so long after the last: a refusal comes at once. */
const PAUSE_MS = 50
/** Questions under way at an upstream that is down: enough to notice that it is back. More would only wait. */
const DOWN_LIMIT = 64
/** Questions that are also asked elsewhere, per question. */
const HEDGES = 2
/** How often we look whether an upstream that was busy has fallen silent. */
const HEDGE_LOOKS = 5

/** What asking came to: a reply, or why there is none. */
export type Outcome = Ending & Asked

type Ending =
  | { readonly kind: 'reply'; readonly reply: UpstreamReply }
  /** An upstream answered another question. */
  | { readonly kind: 'wrong' }
  | { readonly kind: 'failed'; readonly rcode: number; readonly error: Error }

interface Asked {
  /** Who was asked, in the order in which that ended. */
  readonly attempts: readonly Attempt[]
}

/** How upstreams are tried. */
export interface ErrandRules {
  readonly readTimeoutMs: number
  /** Silence after which another upstream, or another connection, is asked as well; 0 for never. */
  readonly hedgeMs: number
  /** Undefined: twice the number of upstreams. 0: only the deadline limits. */
  readonly maxAttempts: number | undefined
  /** Answers that make the next upstream try. */
  readonly failover: ReadonlySet<number>
  /** Fail at once when every upstream is down. */
  readonly failfast: boolean
  /** A truncated answer over UDP is asked for again over TCP. */
  readonly retryTruncated: boolean
  /** Names go out with letters in random case. */
  readonly randomCase: boolean
  /** The upstreams and we have cookies: the client's own are nobody else's business. */
  readonly cookies: boolean
}

/** What is asked. */
export interface Wanted {
  readonly request: Request
  readonly protocol: Protocol
  /** The client's own question and whether it has EDNS, for who wants a message; else replies stay octets where they can. */
  readonly asked: Asking | undefined
}

/** What the client asked that wants a message. */
export interface Asking {
  readonly question: Question
  readonly edns: boolean
}

/** What errands tell. */
export interface ErrandEvents {
  /** A question found every upstream down. */
  allDown(): void
  hedged(): void
}

export interface ErrandWorld {
  readonly clock: Clock
  readonly random: Random
}

/** Takes questions to upstreams, in the order given, until one answers (specification 3.26.2, 11.6). */
export class Errands {
  readonly rules: ErrandRules
  readonly events: ErrandEvents
  readonly world: ErrandWorld
  /** Most attempts are over before anybody would look at them: only those that are not wait for their timeout. */
  readonly looksFirst: boolean
  readonly timeouts: Expiry<Try>
  readonly hedges: Expiry<Try>

  constructor(rules: ErrandRules, world: ErrandWorld, events: ErrandEvents) {
    this.rules = rules
    this.world = world
    this.events = events
    this.looksFirst = rules.hedgeMs > 0 && rules.hedgeMs < rules.readTimeoutMs
    this.timeouts = new Expiry(world.clock, rules.readTimeoutMs - (this.looksFirst ? rules.hedgeMs : 0), (attempt) => attempt.timeOut())
    this.hedges = new Expiry(world.clock, rules.hedgeMs, (attempt) => attempt.look())
  }

  /** `done` hears the outcome once, maybe before this returns. */
  run(wanted: Wanted, order: readonly Upstream[], cancelAtMs: number, done: (outcome: Outcome) => void): void {
    new Errand(this, wanted, order, cancelAtMs, done).start()
  }

  stop(): void {
    this.timeouts.stop()
    this.hedges.stop()
  }
}

/** One question on its way. */
class Errand {
  readonly errands: Errands
  readonly #asked: Asking | undefined
  /** With the letters' case as the client has it. */
  readonly #plain: Request
  readonly #request: Request
  readonly #order: readonly Upstream[]
  readonly #done: (outcome: Outcome) => void
  readonly #deadlineMs: number
  /** No attempt begins after this. */
  readonly #lastStartMs: number
  readonly #attempts: Attempt[] = []
  /** Attempts allowed to fail. */
  readonly #limit: number
  /** Under way: one, or a few while it is hedged. */
  readonly #tries: Try[] = []
  #protocol: Protocol
  #turn = 0
  #made = 0
  #downs = 0
  #failovers = 0
  #hedges = 0
  #last: Error | undefined
  #over = false

  constructor(errands: Errands, { request, protocol, asked }: Wanted, order: readonly Upstream[], cancelAtMs: number, done: (outcome: Outcome) => void) {
    this.errands = errands
    this.#asked = asked
    this.#plain = request
    this.#request = errands.rules.randomCase ? withRandomCase(request, errands.world.random) : request
    this.#protocol = protocol
    this.#order = order.length > 1 && order.some((upstream) => upstream.health.doubtful) ? doubtfulLast(order) : order
    this.#done = done
    this.#deadlineMs = errands.world.clock.nowMs() + DEADLINE_MS
    this.#lastStartMs = Math.min(this.#deadlineMs, cancelAtMs)
    this.#limit = (errands.rules.maxAttempts ?? 2 * order.length) || Infinity
  }

  start(): void {
    this.#next()
  }

  /** What an upstream is asked. */
  requestFor(upstream: Upstream): Request {
    return upstream.keepsCase ? this.#request : this.#plain
  }

  answered(attempt: Try, bytes: Uint8Array): void {
    if (this.#over) return
    this.#drop(attempt)
    const { rules } = this.errands
    const { upstream, network } = attempt
    // Longer than was asked for is as good as truncated where TCP may be tried.
    if (network === 'udp' && (isTruncated(bytes) || (rules.retryTruncated && bytes.length > this.#request.datagramBytes))) {
      if (rules.retryTruncated) {
        this.#note(attempt, 'truncated')
        return this.#further(() => this.#ask(upstream, 'tcp'))
      }
      if (this.#protocol === 'tcp') return this.#failed(attempt, new UpstreamError('closed', `${upstream.label}: the answer is truncated, and TCP is refused`))
    }
    const reply = this.#read(bytes, network, this.#protocol === 'tcp' ? Infinity : attempt.call!.request.datagramBytes)
    if (reply !== undefined) this.#note(attempt, rcodeName(reply.rcode))
    if (reply === undefined) return this.#failed(attempt, new UpstreamError('closed', `read ${network} ${upstream.label}: the reply cannot be parsed`))
    const match = matchReply(this.#request, bytes)
    if (match === 'no') return this.#finish({ kind: 'wrong' })
    if (match === 'other-case' && this.#request.exactCase && network !== 'udp') upstream.foldsCase()
    if (reply.rcode === RCODE.BADCOOKIE && network === 'udp' && rules.cookies) return this.#further(() => this.#ask(upstream, 'tcp'))
    if (rules.failover.has(reply.rcode) && ++this.#failovers < this.#order.length) return this.#further(() => this.#next())
    this.#finish({ kind: 'reply', reply })
  }

  failed(attempt: Try, error: UpstreamError): void {
    if (this.#over) return
    this.#drop(attempt)
    this.#failed(attempt, error)
  }

  /** Undefined when it cannot be read. A message is as if the question had been sent as the client put it. */
  #read(bytes: Uint8Array, network: Call['network'], limit: number): UpstreamReply | undefined {
    const common = this.#asked === undefined ? expandReply(bytes, network, limit) : undefined
    if (common !== undefined) return common
    const message = readReply(bytes, network, limit)
    if (message === undefined) return undefined
    const { rcode } = message
    const { randomCase, cookies } = this.errands.rules
    if (randomCase && this.#asked !== undefined) restoreCase(message, this.#asked.question)
    if (cookies) message.edns = this.#asked?.edns !== true || message.edns === undefined ? undefined : { ...message.edns, options: message.edns.options.filter(isNoCookie) }
    return new UpstreamReply(bytes, rcode, message)
  }

  /** The attempt has been silent for a while: ask another upstream too, or the same over another connection. */
  hedge(attempt: Try): void {
    if (this.#over || this.#hedges >= HEDGES || this.#made >= this.#limit) return
    // Somebody guesses at answers, or the upstream's are not what they should be: over TCP there is no guessing.
    if (attempt.call!.spoofed) this.#protocol = 'tcp'
    const other = this.#order.find((upstream) => !upstream.health.down && !upstream.health.doubtful && !this.#isAsked(upstream))
    if (other === undefined && attempt.network === 'udp' && this.#protocol === 'udp') return
    attempt.call?.doubt()
    if (other !== undefined && !attempt.call!.spoofed) attempt.upstream.health.check()
    this.#hedges++
    this.errands.events.hedged()
    this.#ask(other ?? attempt.upstream, this.#protocol)
  }

  #failed(attempt: Try, error: UpstreamError): void {
    this.#last = error
    this.#note(attempt, error.message)
    if (error.spoofed) this.#protocol = 'tcp'
    attempt.upstream.health.check()
    if (this.#made >= this.#limit || this.#downs >= this.#order.length) return this.#giveUp()
    if (this.#limit === Infinity && this.#made > 2 * this.#order.length) {
      this.errands.world.clock.after(PAUSE_MS, () => this.#next())
      return
    }
    this.#next()
  }

  /** Asks the next upstream that is not down; when all are, one at random, in case it is the health check that does not work. */
  #next(): void {
    const { clock, random } = this.errands.world
    if (this.#over) return
    if (clock.nowMs() >= this.#lastStartMs) return this.#giveUp()
    const count = this.#order.length
    const allAsked = this.#tries.length > 0 && this.#order.every((upstream) => this.#isAsked(upstream))
    for (let looked = 0; looked < count; looked++) {
      if (this.#turn % count === 0) this.#downs = 0
      const upstream = this.#order[this.#turn++ % count]!
      if (!allAsked && this.#isAsked(upstream)) continue
      if (!upstream.health.down) return this.#ask(upstream, this.#protocol)
      if (++this.#downs >= count) break
    }
    // What is under way may still answer, and comes back here if it does not.
    if (this.#tries.length > 0) return
    this.#downs = count
    this.errands.events.allDown()
    const any = this.#order[random.int(count)]
    if (any === undefined || this.errands.rules.failfast || any.outstanding >= DOWN_LIMIT) return this.#giveUp()
    this.#ask(any, this.#protocol)
  }

  #note({ upstream, network, startMs }: Try, outcome: string): void {
    this.#attempts.push({ to: upstream.label, protocol: network, tookMs: this.errands.world.clock.nowMs() - startMs, outcome })
  }

  /** An attempt that was answered does not count. */
  #further(ask: () => void): void {
    this.#made--
    ask()
  }

  #isAsked(upstream: Upstream): boolean {
    return this.#tries.length > 0 && this.#tries.some((attempt) => attempt.upstream === upstream)
  }

  #ask(upstream: Upstream, protocol: Protocol): void {
    this.#made++
    const attempt = new Try(this, upstream)
    this.#tries.push(attempt)
    attempt.start(protocol, this.#deadlineMs)
  }

  #drop(attempt: Try): void {
    attempt.end()
    const at = this.#tries.indexOf(attempt)
    if (at === this.#tries.length - 1) this.#tries.pop()
    else if (at >= 0) this.#tries.splice(at, 1)
  }

  /** No further attempts; those under way may still bring an answer. */
  #giveUp(): void {
    if (this.#tries.length > 0) return
    this.#finish({ kind: 'failed', rcode: RCODE.SERVFAIL, error: this.#last ?? new Error('no healthy proxies') })
  }

  #finish(outcome: Ending): void {
    this.#over = true
    for (const attempt of this.#tries) {
      attempt.giveUp()
      this.#note(attempt, 'another answered first')
    }
    this.#done({ ...outcome, attempts: this.#attempts })
  }
}

/** One upstream asked for an errand, with its time limits. */
class Try implements Caller {
  readonly upstream: Upstream
  readonly #errand: Errand
  call: Call | undefined
  startMs = 0
  #looks = 0
  #over = false
  #timer: Timer | undefined

  constructor(errand: Errand, upstream: Upstream) {
    this.#errand = errand
    this.upstream = upstream
  }

  get network(): Call['network'] {
    return this.call!.network
  }

  start(protocol: Protocol, deadlineMs: number): void {
    const { errands } = this.#errand
    const nowMs = errands.world.clock.nowMs()
    this.startMs = nowMs
    if (nowMs + errands.rules.readTimeoutMs > deadlineMs) this.#timer = errands.world.clock.after(Math.max(1, deadlineMs - nowMs), () => this.timeOut())
    else if (!errands.looksFirst) errands.timeouts.add(this, nowMs)
    if (errands.rules.hedgeMs > 0) errands.hedges.add(this, nowMs)
    this.call = this.upstream.call(this.#errand.requestFor(this.upstream), protocol, this)
    this.call.start()
  }

  answered(reply: Uint8Array): void {
    this.#errand.answered(this, reply)
  }

  failed(error: UpstreamError): void {
    this.#errand.failed(this, error)
  }

  timeOut(): void {
    if (this.#over) return
    this.#errand.failed(this, this.call!.timeOut())
  }

  /** A peer that says anything at all is alive: only silence is a reason to ask elsewhere. */
  look(): void {
    const { hedges, timeouts, looksFirst, world } = this.#errand.errands
    if (this.#over) return
    if (looksFirst && this.#timer === undefined && this.#looks === 0) timeouts.add(this, world.clock.nowMs())
    if (this.call!.silent || this.call!.spoofed) return this.#errand.hedge(this)
    if (++this.#looks < HEDGE_LOOKS) hedges.add(this, world.clock.nowMs())
  }

  giveUp(): void {
    this.end()
    this.call?.giveUp()
  }

  /** Stops its clocks. */
  end(): void {
    const { timeouts, hedges } = this.#errand.errands
    this.#over = true
    timeouts.remove(this)
    hedges.remove(this)
    this.#timer?.cancel()
  }
}

function doubtfulLast(order: readonly Upstream[]): readonly Upstream[] {
  return [...order.filter((upstream) => !upstream.health.doubtful), ...order.filter((upstream) => upstream.health.doubtful)]
}
