import { formatIp, parseIp } from '../base/ip.ts'
import { reverseName } from '../core/reverse.ts'
import { TYPE } from '../wire/codes.ts'
import { parentOf, parseName, readName, type Name } from '../wire/name.ts'
import { ask, type Server } from './ask.ts'
import type { Target } from './fallback-tables.ts'
import type { ProxyMode } from './proxy-mode.ts'

/** Each is a rule for every address and protocol in both directions. */
const TARGETS_LIMIT = 16
const DNS_PORT = 53

export interface TargetOptions {
  /** The cluster's resolver by its ClusterIP; undefined when it is not known. */
  readonly upstream: Server | undefined
  /** Literal addresses, or names of headless Services. Empty: the Service beside the upstream's whose name ends in `-endpoints`. */
  readonly given: readonly string[]
  readonly upstreamService: string
}

export interface Found {
  readonly targets: readonly Target[]
  /** The upstream answered a question; undefined when there is none to ask. */
  readonly upstreamAnswers: boolean | undefined
  /** Where the targets come from, or why there are none. */
  readonly from: string
}

/**
 * Who can answer for us. Without access to the API the agent asks the cluster's own DNS: the upstream's ClusterIP has a PTR that tells
 * namespace and domain, and a headless Service there with the same selector has the endpoints as its addresses.
 */
export async function findTargets(options: TargetOptions, mode: ProxyMode): Promise<Found> {
  const { upstream, given } = options
  if (upstream === undefined) return { targets: literals(given), upstreamAnswers: undefined, from: 'the command line' }
  if (mode === 'ipvs') {
    const reply = await ask(upstream, reverseName(parseIp(upstream.address)!), TYPE.PTR)
    return { targets: [{ address: parseIp(upstream.address)!, port: upstream.port }], upstreamAnswers: reply !== undefined, from: 'the ClusterIP of the upstream, which IPVS translates' }
  }
  const reply = await ask(upstream, reverseName(parseIp(upstream.address)!), TYPE.PTR)
  const service = reply?.answers.find((record) => record.type === TYPE.PTR)
  const names = given.length > 0 ? given.flatMap(nameOf) : service === undefined ? [] : [`${options.upstreamService}-endpoints.${parentOf(readName(service.rdata, 0).name)}`]
  const asked = await Promise.all(names.flatMap((name) => [TYPE.A, TYPE.AAAA].map((type) => addresses(upstream, name, type))))
  const targets = [...literals(given), ...asked.flat()].slice(0, TARGETS_LIMIT)
  return { targets, upstreamAnswers: reply !== undefined, from: names.length > 0 ? names.join(', ') : given.length > 0 ? 'the command line' : `no PTR for ${upstream.address}` }
}

/** So that equal sets are equal texts. */
export function describeTargets(targets: readonly Target[]): string {
  return targets.map(({ address, port }) => (address.length === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`)).sort().join(' ')
}

async function addresses(upstream: Server, name: Name, type: number): Promise<Target[]> {
  const reply = await ask(upstream, name, type)
  return (reply?.answers ?? []).filter((record) => record.type === type).map((record) => ({ address: Uint8Array.from(record.rdata), port: DNS_PORT }))
}

function literals(given: readonly string[]): Target[] {
  return given.flatMap((text) => {
    const target = parseTarget(text)
    return target === undefined ? [] : [target]
  })
}

/** `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS]:PORT`; undefined for a name. */
export function parseTarget(text: string): Target | undefined {
  const whole = parseIp(text)
  if (whole !== undefined) return { address: whole, port: DNS_PORT }
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const address = parseIp(bracketed ?? plain ?? '')
  return address === undefined || Number(port) < 1 || Number(port) > 65_535 ? undefined : { address, port: Number(port) }
}

function nameOf(text: string): Name[] {
  if (parseTarget(text) !== undefined) return []
  const name = parseName(text)
  return name === undefined ? [] : [name]
}
