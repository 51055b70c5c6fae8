import type { Clock } from '../base/clock.ts'
import { parseIp } from '../base/ip.ts'
import type { Explanation, ExplainRequest } from '../admin/explanation.ts'
import { Refusal } from '../admin/view.ts'
import { Query, type Protocol } from '../core/query.ts'
import { Trace } from '../core/trace.ts'
import { CLASS, parseType, rcodeName } from '../wire/codes.ts'
import { Message, type ResourceRecord } from '../wire/message.ts'
import { reverseName } from '../core/reverse.ts'
import { parseName, type Name } from '../wire/name.ts'
import { formatRecord } from '../wire/record.ts'
import { finishReply } from './finish.ts'
import type { Generation } from './generation.ts'
import { peerOf } from './peer.ts'

/** A port that no client of the explained query listens on. */
const CLIENT_PORT = 0
/** What clients send today (DNS flag day 2020). */
const UDP_SIZE = 1232
/** What kubelets write into the resolv.conf of pods. */
const NDOTS = 5

interface ExplainWorld {
  readonly clock: Clock
  readonly echoed: { has(code: number): boolean }
}

/** Asks a question of the program's own blocks and tells what each stage did. A real query: it fills the cache and asks upstreams. */
export async function explainQuery(request: ExplainRequest, generation: Generation, world: ExplainWorld): Promise<Explanation> {
  const ip = parseIp(request.name)
  const name = ip !== undefined ? reverseName(ip) : parseName(request.name) ?? fail(`"${request.name}" is no domain name`)
  const type = parseType(request.type.toUpperCase()) ?? fail(`"${request.type}" is no record type`)
  const group = groupFor(generation, request.server)
  const client = clientAddress(request.client, generation)
  const message = new Message()
  message.rd = true
  message.questions = [{ name, type, class: CLASS.IN }]
  message.edns = { udpSize: UDP_SIZE, version: 0, do: request.dnssec, z: 0, options: [] }
  const startMs = world.clock.nowMs()
  const q = new Query(message, {
    client: peerOf(client, CLIENT_PORT), local: peerOf(localAddress(group.label), 53), protocol: request.protocol as Protocol, server: group, sizeBytes: 0, startMs,
  })
  q.trace = new Trace(q.question, () => world.clock.nowMs())
  await group.dispatch(q)
  const tookMs = world.clock.nowMs() - startMs
  return {
    ...q.trace.log,
    client,
    server: group.label,
    protocol: request.protocol,
    tookMs,
    answeredBy: q.answeredBy,
    dropped: q.dropped,
    error: q.error?.message ?? '',
    ...reply(q, world.echoed),
  }
}

/**
 * The names that a pod of the namespace would try, in the order of its resolv.conf with `ndots:5`, until one has records (resolv.conf(5)).
 * `more`: search domains that its node adds.
 */
export async function explainSearch(request: ExplainRequest, namespace: string, generation: Generation, world: ExplainWorld & { hostSearchPath(): readonly Name[] }): Promise<Explanation[]> {
  const done: Explanation[] = []
  for (const name of searchNames(request.name, namespace, clusterZone(generation), world.hostSearchPath())) {
    const explanation = await explainQuery({ ...request, name }, generation, world)
    done.push(explanation)
    if (explanation.rcode === 'NOERROR' && explanation.answers.length > 0) break
  }
  return done
}

/** With five dots or more the name itself comes first, with fewer last; a final dot means no search at all. */
export function searchNames(name: string, namespace: string, zone: Name, more: readonly Name[]): string[] {
  if (name.endsWith('.')) return [name]
  const domains = [`${namespace}.svc.${zone}`, `svc.${zone}`, zone, ...more]
  const searched = domains.map((domain) => `${name}.${domain}`)
  return name.split('.').length - 1 >= NDOTS ? [`${name}.`, ...searched] : [...searched, `${name}.`]
}

/** `cluster.local.` and the like. */
function clusterZone(generation: Generation): Name {
  const keys = generation.blocks.flatMap((block) => block.zones)
  const kubernetes = generation.corefile.blocks().flatMap((block) => block.directives).find((directive) => directive.name === 'kubernetes')
  const named = kubernetes?.lines[0]?.args.map((arg) => parseName(arg.text)).find((zone) => zone !== undefined && !zone.endsWith('.arpa.'))
  return named ?? keys.find((zone) => zone.startsWith('cluster.')) ?? 'cluster.local.'
}

/** The replies' form on the wire decides about truncation, so the explanation has what the client would get. */
function reply(q: Query, echoed: { has(code: number): boolean }): Pick<Explanation, 'rcode' | 'flags' | 'answers' | 'authorities' | 'additionals' | 'sizeBytes'> {
  if (q.dropped) return { rcode: '', flags: [], answers: [], authorities: [], additionals: [], sizeBytes: 0 }
  const bytes = finishReply(q, echoed)
  const { reply: message } = q
  return {
    rcode: rcodeName(message.rcode),
    flags: (['qr', 'aa', 'tc', 'rd', 'ra', 'ad', 'cd'] as const).filter((flag) => message[flag]),
    answers: texts(message.answers),
    authorities: texts(message.authorities),
    additionals: texts(message.additionals),
    sizeBytes: bytes.length,
  }
}

function texts(records: readonly ResourceRecord[]): string[] {
  return records.map(formatRecord)
}

/** The listener group named, or the first. */
function groupFor(generation: Generation, label: string): Generation['wanted'][number]['group'] {
  const groups = generation.wanted.map((wanted) => wanted.group)
  const found = label === '' ? groups[0] : groups.find((group) => group.label === label)
  return found ?? fail(`no server "${label}"; there are ${groups.map((group) => group.label).join(', ')}`)
}

/** The address of `dns://10.0.0.1:53`; loopback for a wildcard. */
function localAddress(label: string): string {
  const host = /^dns:\/\/\[?(.*?)\]?:\d+$/.exec(label)?.[1] ?? ''
  return parseIp(host) === undefined ? '127.0.0.1' : host
}

/** An address as it is, or that of a pod: `NAME` or `NAMESPACE/NAME`. */
function clientAddress(text: string, generation: Generation): string {
  if (parseIp(text) !== undefined) return text
  const [namespace, name] = text.includes('/') ? text.split('/') as [string, string] : ['default', text]
  const finders = generation.stages.flatMap((stage) => (stage.podAddress === undefined ? [] : [stage]))
  if (finders.length === 0) fail(`"${text}" is no IP address, and no kubernetes directive here knows pods; give the pod's address`)
  for (const stage of finders) {
    const address = stage.podAddress!(namespace, name)
    if (address !== undefined) return address
  }
  return fail(`no pod ${namespace}/${name} is known: pods are known with "pods verified", or as endpoints of a Service; give its address`)
}

function fail(text: string): never {
  throw new Refusal(text)
}
