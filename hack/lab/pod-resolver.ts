/**
 * A pod's stub resolver, for the demo: reads one question a line as JSON, walks the search list as glibc does with `ndots:5`, and
 * writes one answer a line. Runs inside the pod's namespace.
 */
import { createSocket } from 'node:dgram'
import { createInterface } from 'node:readline'
import { decode, encode, RECURSION_DESIRED, type Answer, type DecodedPacket, type RecordType } from 'dns-packet'

export interface PodQuestion {
  readonly name: string
  readonly type: string
  readonly server: string
  readonly port: number
  readonly search: readonly string[]
}

export interface PodAnswer {
  /** The name that was answered. */
  readonly name: string
  readonly rcode: string
  readonly records: readonly string[]
  readonly tookMs: number
  /** Questions sent. */
  readonly queries: number
}

const NDOTS = 5
const TIMEOUT_MS = 5000

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await resolve(JSON.parse(line) as PodQuestion))}\n`)
}

async function resolve(question: PodQuestion): Promise<PodAnswer> {
  const start = performance.now()
  const absolute = question.name.endsWith('.')
  const dots = question.name.split('.').length - 1
  const expanded = question.search.map((suffix) => `${question.name}.${suffix}`)
  const names = absolute ? [question.name.slice(0, -1)] : dots >= NDOTS ? [question.name, ...expanded] : [...expanded, question.name]
  let queries = 0
  for (const name of names) {
    const reply = await ask(name, question)
    queries++
    const found = reply.rcode !== 'NXDOMAIN' && (reply.answers?.length ?? 0) > 0
    if (found || name === names.at(-1)) {
      return { name, rcode: reply.rcode, records: (reply.answers ?? []).map(text), tookMs: performance.now() - start, queries }
    }
  }
  throw new Error('unreachable: the last name returns')
}

function ask(name: string, question: PodQuestion): Promise<DecodedPacket & { rcode: string }> {
  const socket = createSocket(question.server.includes(':') ? 'udp6' : 'udp4')
  const id = Math.floor(Math.random() * 65_536)
  const packet = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ name, type: question.type as RecordType }] })
  return new Promise((done, reject) => {
    const timer = setTimeout(() => {
      socket.close()
      reject(new Error(`no answer for ${name} from ${question.server} within ${TIMEOUT_MS} ms`))
    }, TIMEOUT_MS)
    socket.on('message', (bytes) => {
      clearTimeout(timer)
      socket.close()
      done(decode(bytes) as DecodedPacket & { rcode: string })
    })
    socket.send(packet, question.port, question.server)
  })
}

function text(answer: Answer): string {
  const data = 'data' in answer ? answer.data : undefined
  if (answer.type === 'SRV') {
    const srv = data as { priority?: number; weight?: number; port: number; target: string }
    return `SRV ${srv.priority ?? 0} ${srv.weight ?? 0} ${srv.port} ${srv.target}`
  }
  return `${answer.type} ${Array.isArray(data) ? data.join(' ') : String(data)}`
}
