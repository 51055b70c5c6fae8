import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Host } from '../../hack/lab/host.ts'
import { Resident } from '../../hack/lab/resident.ts'
import type { Observed, SenderOptions } from './sender.ts'

const SENDER = fileURLToPath(new URL('sender.ts', import.meta.url))
/** After this an answer does not come any more. */
const LAST_ANSWER_MS = 3000

/** Questions from several hosts at once, and what became of them. */
export class Load {
  readonly #senders: { resident: Resident; lines: Interface }[] = []
  readonly #hosts: readonly Host[]

  private constructor(hosts: readonly Host[]) {
    this.#hosts = hosts
  }

  /** `counted`: hosts whose full sockets are counted, besides those that ask. */
  static async start(from: readonly Host[], counted: readonly Host[], options: SenderOptions): Promise<Load> {
    const load = new Load([...from, ...counted])
    for (const host of from) {
      const child = host.spawn(process.execPath, [SENDER, JSON.stringify(options)])
      const resident = await Resident.start(`sender on ${host.name}`, child, /ready/)
      load.#senders.push({ resident, lines: createInterface({ input: child.stdout! }) })
    }
    return load
  }

  /** Packets that full sockets have dropped so far: the machine was too busy to read them. */
  async dropped(): Promise<number> {
    const texts = await Promise.all(this.#hosts.map(async (host) => await host.exec('cat', ['/proc/net/snmp']) + await host.exec('cat', ['/proc/net/snmp6'])))
    return texts.reduce((sum, text) => sum + receiveErrors(text), 0)
  }

  /** All that is known, once the last answers are in. */
  async observe(): Promise<Observed[]> {
    await new Promise((resolve) => setTimeout(resolve, LAST_ANSWER_MS))
    return Promise.all(this.#senders.map(async ({ resident, lines }) => {
      resident.child.stdin!.write('\n')
      const [line] = await once(lines, 'line') as [string]
      return JSON.parse(line) as Observed
    }))
  }

  async stop(): Promise<void> {
    for (const { resident } of this.#senders) await resident.stop()
  }
}

/** Asserts that what was asked from `from` to `to` was answered, but for what full sockets dropped. Gives how many questions that were. */
export function assertAnswered(observed: readonly Observed[], from: number, to: number, dropped: number, what: string, atLeast = 100): number {
  const asked = observed.flatMap((each) => Object.entries(each.udp)).flatMap(([address, queries]) => queries.filter(([at]) => at >= from && at < to).map(([at, answered]) => ({ address, at, answered })))
  const lost = asked.filter(({ answered }) => answered < 0)
  const first = [...new Set(lost.map(({ address }) => address))].map((address) => {
    const times = lost.filter((each) => each.address === address).map(({ at }) => Math.round(at - from))
    return `${times.length} of ${address} from +${Math.min(...times)} to +${Math.max(...times)} ms`
  }).join(', ') + `; ${lost.filter(({ answered }) => answered < -1).length} with an answer that is none`
  assert.ok(asked.length >= atLeast, `${what}: only ${asked.length} questions`)
  assert.ok(lost.length <= dropped, `${what}: ${lost.length} of ${asked.length} questions lost, ${dropped} of them dropped by full sockets and queues; ${first}`)
  return asked.length
}

/** Asserts that in that time each host had answers from each address, over UDP and over TCP. */
export function assertEveryLegAnswers(observed: readonly Observed[], from: number, to: number): void {
  const within = (at: number) => at >= from && at < to
  const silent = observed.flatMap((each, host) => [
    ...Object.entries(each.udp).filter(([, queries]) => !queries.some(([, answered]) => within(answered))).map(([address]) => `host ${host} over UDP to ${address}`),
    ...Object.entries(each.tcpAnswers).filter(([, answers]) => !answers.some(within)).map(([address]) => `host ${host} over TCP to ${address}`),
  ])
  assert.deepEqual(silent, [], 'legs without an answer')
}

/** How late the machine made anybody around that time: what a bar for a quiet machine is stretched by. */
export function lagAround(observed: readonly Observed[], at: number): number {
  return Math.max(0, ...observed.flatMap((each) => each.lags).filter(([when, ms]) => when > at - 500 && when - ms < at + 3000).map(([, ms]) => ms))
}

/** The most resets that one connection saw in that time. */
export function mostResets(observed: readonly Observed[], from: number, to: number): number {
  const counts = observed.map((each) => {
    const bySlot = new Map<string, number>()
    for (const end of each.ends) if (end.how === 'reset' && end.at >= from && end.at < to) bySlot.set(end.slot, (bySlot.get(end.slot) ?? 0) + 1)
    return Math.max(0, ...bySlot.values())
  })
  return Math.max(...counts)
}

function receiveErrors(text: string): number {
  const [names, values] = text.split('\n').filter((line) => line.startsWith('Udp: ')).map((line) => line.split(' '))
  const v4 = Number(values?.[names?.indexOf('RcvbufErrors') ?? -1] ?? 0)
  return v4 + Number(/^Udp6RcvbufErrors\s+(\d+)/m.exec(text)?.[1] ?? 0)
}
