import type { NodeNetwork } from './network.ts'
import { Prober, type ProberWorld, type Verdict } from './prober.ts'

/** Rounds of answered probes before queries are taken again. */
const ROUNDS_TO_RETURN = 2

export interface SelfWatchWorld extends ProberWorld {
  /** Ids of the other agents of the node. */
  twins(): readonly string[]
  /** The last of them is gone. */
  alone(): void
}

/** Asks the agent whether it answers, and gives queries to the cluster when somebody on its port does not. */
export class SelfWatch {
  readonly #network: NodeNetwork
  readonly #world: SelfWatchWorld
  readonly #prober: Prober
  /** False: sockets have no mark, so answered probes renew the lease. */
  readonly #marked: boolean
  #started = false
  #closed = false
  #goodRounds = 0
  #twins = 0

  constructor(network: NodeNetwork, port: number, marked: boolean, world: SelfWatchWorld) {
    this.#network = network
    this.#marked = marked
    this.#world = world
    this.#prober = new Prober({ addresses: network.addresses, port }, world)
  }

  /** Gives the ports that probes come from. Rejects with the system's error. */
  open(): Promise<number[]> {
    return this.#prober.open()
  }

  start(): void {
    if (this.#closed) return
    this.#started = true
    this.#prober.start((verdict) => this.#judge(verdict))
  }

  /** Undefined before the first round. */
  get verdict(): Verdict | undefined {
    return this.#started ? this.#prober.verdict() : undefined
  }

  close(): void {
    this.#closed = true
    this.#prober.close()
  }

  /** Who is not answered must not take queries; who shares the port with one that hangs gets only a part of the answers. */
  #judge(verdict: Verdict): void {
    this.#noticeEndOfTwin()
    this.#goodRounds = verdict.answered ? this.#goodRounds + 1 : 0
    if (!verdict.answered) void this.#network.withdraw(true, `no answer to probes: ${verdict.silent.join('; ')}`)
    else if (this.#goodRounds >= ROUNDS_TO_RETURN) void this.#network.withdraw(false, 'probes are answered')
    if (!this.#marked && verdict.answered && verdict.ours) void this.#network.renewLeases()
  }

  #noticeEndOfTwin(): void {
    const twins = this.#world.twins().length
    if (twins === 0 && this.#twins > 0) this.#world.alone()
    this.#twins = twins
  }
}
