/** One client floods a caching forwarder with names that nobody has asked before; another one asks for what is cached. */
import { join } from 'node:path'
import { dnsperf, type Outcome } from './dnsperf.ts'
import { startForwarder, type Bench } from './measure.ts'
import type { PeerName } from './servers.ts'

const ATTACK_PER_SECOND = 50_000
const VICTIM_PER_SECOND = 1000
/** Of the flood's client, which is another one than who suffers from it. */
const ATTACKER = '127.0.0.66'
/** The flood's process gives way to the other client's on their core, so that this measures the server's delay and not the load's. */
const ATTACKER_NICENESS = 19

export interface AttackFigures {
  readonly peer: PeerName
  /** Without the flood, and with it. */
  readonly alone: Outcome
  readonly attacked: Outcome
  /** What the flood's client came to: it may have had no more of the machine. */
  readonly floodPerSecond: number
}

export async function measureAttack(bench: Bench, peer: PeerName): Promise<AttackFigures> {
  const { port, core, stop } = await startForwarder(bench, peer)
  try {
    const few = { core, port, queries: join(bench.folder, 'few.txt'), protocol: 'udp' } as const
    // Stored, then answered by the resolver thread, then by packet workers.
    await dnsperf({ ...few, seconds: 2, rate: 0 })
    const alone = await dnsperf({ ...few, seconds: bench.seconds, rate: VICTIM_PER_SECOND })
    const flood = dnsperf({ core, port, queries: join(bench.folder, 'unique.txt'), seconds: bench.seconds + 2, protocol: 'udp', rate: ATTACK_PER_SECOND, source: ATTACKER, niceness: ATTACKER_NICENESS, untimed: true })
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const attacked = await dnsperf({ ...few, seconds: bench.seconds, rate: VICTIM_PER_SECOND })
    return { peer, alone, attacked, floodPerSecond: (await flood).sent / (bench.seconds + 2) }
  } finally {
    await stop()
  }
}
