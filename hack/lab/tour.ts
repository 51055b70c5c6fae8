import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { PodAnswer, PodQuestion } from './pod-resolver.ts'

interface Stop {
  readonly name: string
  readonly type: string
  readonly why: string
  /** Part of what the answer must hold; `NXDOMAIN` for a name that does not exist. */
  readonly expect: string
}

/** A dozen questions as a pod in namespace `shop` asks them. */
export const TOUR: readonly Stop[] = [
  { name: 'web', type: 'A', why: 'a Service of the own namespace, by its short name', expect: 'A 10.96.20.1' },
  { name: 'web', type: 'A', why: 'the same again', expect: 'A 10.96.20.1' },
  { name: 'web', type: 'AAAA', why: 'its second family', expect: 'AAAA fd00:10:96::1' },
  { name: 'queue.data', type: 'A', why: 'a Service of another namespace', expect: 'A 10.96.30.2' },
  { name: '_http._tcp.web.shop.svc.cluster.local.', type: 'SRV', why: 'a named port', expect: ' 80 web.shop.svc.cluster.local' },
  { name: 'orders-db.data', type: 'A', why: 'a headless Service: its ready pods', expect: 'A 10.244.3.11' },
  { name: 'orders-db-0.orders-db.data', type: 'A', why: 'one pod of a StatefulSet', expect: 'A 10.244.3.10' },
  { name: 'orders', type: 'A', why: 'an ExternalName that leads back into the cluster', expect: 'CNAME orders-db.data.svc.cluster.local' },
  { name: 'payments', type: 'A', why: 'an ExternalName that leads out of it', expect: 'A 198.51.100.20' },
  { name: '1.20.96.10.in-addr.arpa.', type: 'PTR', why: 'the name of an address', expect: 'PTR web.shop.svc.cluster.local' },
  { name: '10-244-1-20.shop.pod.cluster.local.', type: 'A', why: 'a pod by its address', expect: 'A 10.244.1.20' },
  { name: 'www.example.com', type: 'A', why: 'a name of the outside, through the search list', expect: 'A 198.51.100.10' },
  { name: 'www.example.com', type: 'A', why: 'the same again', expect: 'A 198.51.100.10' },
  { name: 'nobody.shop.svc.cluster.local.', type: 'A', why: 'a Service that does not exist', expect: 'NXDOMAIN' },
]

const SETTLE_MS = 300
const SETTLE_ROUNDS = 20
const SEARCH = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local']

export interface TourPlace {
  readonly server: string
  readonly port: number
  /** The agent's metrics, which tell who answered. */
  readonly metrics: string
  /** `to` labels of the agent's upstreams. */
  readonly cluster: string
  readonly outside: string
}

/** Where a pod's resolver can be started. */
export interface PodHost {
  spawn(command: string, args: readonly string[]): ChildProcess
}

/** Asks and prints. 0 when every answer was as expected. */
export async function printTour(pod: PodHost, place: TourPlace): Promise<number> {
  const child = pod.spawn(process.execPath, [fileURLToPath(new URL('pod-resolver.ts', import.meta.url))])
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  let wrong = 0
  await settled(place)
  process.stdout.write(`\nAs a pod of namespace shop would ask ${place.server}, with ndots:5 and search ${SEARCH.join(' ')}:\n`)
  for (const stop of TOUR) {
    const before = await counts(place)
    const question: PodQuestion = { name: stop.name, type: stop.type, server: place.server, port: place.port, search: SEARCH }
    child.stdin!.write(`${JSON.stringify(question)}\n`)
    const line = await lines.next()
    if (line.done === true) throw new Error('the pod\'s resolver ended before it answered')
    const answer = JSON.parse(line.value) as PodAnswer
    const who = answeredBy(before, await counts(place))
    const right = [answer.rcode, ...answer.records].some((text) => text.includes(stop.expect))
    if (!right) wrong++
    const queries = answer.queries === 1 ? '' : `, ${answer.queries} queries`
    process.stdout.write(`${right ? '  ' : '! '}${stop.name} ${stop.type}  (${stop.why})\n      ${answer.records.join(' | ') || answer.rcode}\n      ${answer.tookMs.toFixed(1)} ms${queries}, answered by ${who}\n`)
    if (!right) process.stdout.write(`      expected: ${stop.expect}\n`)
  }
  child.stdin!.end()
  process.stdout.write(`\n${TOUR.length - wrong} of ${TOUR.length} answers as expected\n`)
  return wrong === 0 ? 0 : 1
}

/** Waits until the programs ask each other nothing more: `loop` does at the start, and it is not the pod's doing. */
async function settled(place: TourPlace): Promise<void> {
  let before = await counts(place)
  for (let i = 0; i < SETTLE_ROUNDS; i++) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
    const now = await counts(place)
    if (now.cluster === before.cluster && now.outside === before.outside) return
    before = now
  }
}

interface Counts {
  readonly cluster: number
  readonly outside: number
}

async function counts(place: TourPlace): Promise<Counts> {
  const text = await (await fetch(place.metrics)).text()
  const of = (to: string) => [...text.matchAll(/^coredns_proxy_request_duration_seconds_count\{(.*)\} (\d+)$/gm)]
    .filter(([, labels]) => labels!.includes('proxy_name="forward"') && labels!.includes(`to="${to}"`)).reduce((sum, [, , count]) => sum + Number(count), 0)
  return { cluster: of(place.cluster), outside: of(place.outside) }
}

function answeredBy(before: Counts, after: Counts): string {
  const cluster = after.cluster > before.cluster
  const outside = after.outside > before.outside
  if (cluster && outside) return 'the cluster\'s resolver (search list), then the upstream'
  if (cluster) return 'the cluster\'s resolver'
  return outside ? 'the upstream' : 'the node\'s cache'
}
