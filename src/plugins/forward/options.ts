import { formatDuration } from '../../base/duration.ts'
import { parseIp } from '../../base/ip.ts'
import { normalizeZone } from '../../corefile/keys.ts'
import {
  applyOptions, duration, flag, initialValues, integer, oneOf, placeOf, readDuration, readInteger, row, type Place,
} from '../../corefile/options.ts'
import type { Line, Token } from '../../corefile/tree.ts'
import { parseRcode, RCODE } from '../../wire/codes.ts'
import { parseName, type Name } from '../../wire/name.ts'
import { parseTarget, type Target } from '../../upstream/address.ts'
import type { EndpointName } from '../../upstream/roster.ts'
import { POLICIES, type PolicyName } from '../../upstream/policy.ts'

const MAX_TARGETS = 15
const MAX_NAMES = 8
const DEFAULT_EXPIRE_MS = 10_000
const HEDGE_MS = 200
const DNS_PORT = 53

/** One `forward FROM TO... { … }`. */
export interface ForwardOptions {
  readonly token: Token
  readonly from: Name
  readonly targets: readonly Target[]
  /** Preferred to the targets, of which they are asked. */
  readonly endpoints: readonly EndpointName[]
  readonly except: readonly Name[]
  readonly forceTcp: boolean
  readonly preferUdp: boolean
  readonly expireMs: number
  readonly maxAgeMs: number
  /** 0 for no limit. */
  readonly maxQueries: number
  readonly maxIdle: number
  readonly readTimeoutMs: number
  readonly randomCase: boolean
  readonly cookies: boolean
  /** 0 for never. */
  readonly hedgeMs: number
  readonly maxFails: number
  /** Undefined: twice the number of upstreams. 0: only the deadline limits. */
  readonly maxConnectAttempts: number | undefined
  readonly healthCheck: HealthCheck
  readonly policy: PolicyName
  /** 0 for no limit. */
  readonly maxConcurrent: number
  readonly next: ReadonlySet<number>
  readonly nextOnNodata: boolean
  readonly failover: ReadonlySet<number>
  readonly failfast: boolean
  /** Undefined without `tls`: system CAs. Paths of certificate, key and CA as written. */
  readonly tlsFiles: readonly string[]
  readonly tlsServerName: string | undefined
  readonly tlsOpportunistic: boolean
  readonly sourceAddress: string | undefined
  readonly resolvers: readonly string[]
}

interface HealthCheck {
  readonly intervalMs: number
  readonly recursionDesired: boolean
  readonly domain: Name
}

const NO_WORDS: readonly string[] = []

export const FORWARD_TABLE = {
  except: row<readonly Name[]>({
    min: 1,
    max: Infinity,
    form: 'NAMES...',
    help: 'names, and all below them, that are passed to the next plugin',
    initial: [],
    read: (args, place, before) => [...before, ...args.flatMap((arg) => normalizeZone(arg.text) ?? place.fail(`unable to normalize '${arg.text}'`, arg))],
  }),
  endpoints: row<readonly EndpointName[]>({
    min: 1,
    max: MAX_NAMES,
    form: 'NAME[:PORT]...',
    help: 'names, such as that of a headless Service, whose addresses the upstreams TO are asked for every 2s, and which are then asked instead of TO: those of the first name as long as they can, then those of the next, TO last',
    initial: [],
    read: (args, place, before) => [...before, ...args.map((arg) => readEndpointName(arg, place))],
  }),
  force_tcp: flag({ help: 'ask over TCP even when the client came over UDP' }),
  prefer_udp: flag({ help: 'ask over UDP first even when the client came over TCP; over TCP if the answer is truncated' }),
  expire: duration({ initial: DEFAULT_EXPIRE_MS, help: 'close connections that were idle for so long (default 10s)' }),
  max_age: duration({ initial: 0, help: 'use no connection longer than this; 0 for no limit (default 0s)' }),
  max_queries: integer({ min: 0, initial: 0, help: 'use no connection for more queries than this; 0 for no limit (default 0)' }),
  max_idle_conns: integer({ min: 0, initial: 0, help: 'idle connections kept per upstream; 0 for no limit (default 0)' }),
  read_timeout: row({
    form: 'DURATION',
    help: 'how long to wait for an answer per attempt (default 2s)',
    initial: 2000,
    read: ([arg], place) => {
      const ms = readDuration(arg!, -Infinity, Infinity, place)
      return ms > 0 ? ms : place.fail(`read_timeout must be positive: ${formatDuration(ms)}`, arg)
    },
  }),
  hedge: duration({ initial: HEDGE_MS, help: 'when an upstream has been silent for so long, ask another one too, or the same over another TCP connection; 0 for never (default 200ms)' }),
  max_fails: integer({ min: 0, max: 0xffffffff, initial: 2, help: 'failed health checks before an upstream counts as down; 0 for never (default 2)' }),
  max_connect_attempts: row<number | undefined>({
    form: 'N',
    help: 'attempts per query (default: two per upstream); 0 for as many as fit into 5 s',
    initial: undefined,
    read: ([arg], place) => readInteger(arg!, 0, 0xffffffff, place),
  }),
  health_check: row<HealthCheck>({
    min: 1,
    max: 4,
    form: 'DURATION [no_rec] [domain NAME]',
    help: 'how often to probe an upstream that failed (default 500ms), without the RD flag, for another name than the root',
    initial: { intervalMs: 500, recursionDesired: true, domain: '.' },
    read: readHealthCheck,
  }),
  policy: oneOf(POLICIES, { initial: 'random', help: 'in which order to try upstreams (default random)', unknown: (word) => `unknown policy '${word}'` }),
  max_concurrent: integer({ min: 0, initial: 0, help: 'queries under way at once, more are refused; 0 for no limit (default 0)' }),
  next: row<ReadonlySet<number>>({
    min: 1, max: Infinity, form: 'RCODE...', help: 'answers that make the next forward of the block try', initial: new Set(),
    read: (args, place, before) => new Set([...before, ...readRcodes(args, place)]),
  }),
  next_on_nodata: flag({ help: 'an answer without records makes the next forward of the block try' }),
  failover: row<ReadonlySet<number>>({
    min: 1, max: Infinity, form: 'RCODE...', help: 'answers that make the next upstream try', initial: new Set(),
    read: (args, place, before) => {
      const codes = readRcodes(args, place)
      if (codes.includes(RCODE.NOERROR)) place.fail('NoError cannot be used in failover')
      return new Set([...before, ...codes])
    },
  }),
  failfast_all_unhealthy_upstreams: flag({ help: 'answer SERVFAIL at once when every upstream is down' }),
  tls: row({ min: 0, max: 3, form: '[CERT KEY] [CA]', help: 'files for tls:// upstreams; without them the system\'s CAs', initial: NO_WORDS, read: (args) => args.map((arg) => arg.text) }),
  tls_servername: row<string | undefined>({ form: 'NAME', help: 'name to verify certificates against', initial: undefined, read: ([arg]) => arg!.text }),
  tls_opportunistic: flag({ help: 'take any certificate of tls:// upstreams, and ask in plain text at port 53 where there is no TLS (RFC 8310 5)' }),
  random_case: flag({ help: 'ask with the letters of names in random case, which answers must repeat: harder to forge (0x20)' }),
  cookies: flag({ help: 'send DNS cookies (RFC 7873); over UDP, an upstream that has sent one is believed only with it' }),
  source_address: row<string | undefined>({
    form: 'IP', help: 'address to ask from', initial: undefined,
    read: ([arg], place) => (parseIp(arg!.text) === undefined ? place.fail(`invalid IP address: ${arg!.text}`, arg) : arg!.text),
  }),
  resolver: row<readonly string[]>({
    min: 1, max: Infinity, form: 'IP[:PORT]...', help: 'servers that look up host names given as upstreams', initial: [],
    read: (args, place, before) => [...before, ...args.map((arg) => readResolver(arg, place))],
  }),
  doh_method: row({ form: 'GET|POST', help: 'taken for compatibility; https:// upstreams are not supported yet', initial: 'POST', read: ([arg], place) => (/^(GET|POST)$/.test(arg!.text) ? arg!.text : place.fail(`unknown method '${arg!.text}'`, arg)) }),
}

/** Throws ConfigError. */
export function parseForward(line: Line): ForwardOptions {
  const place: Place = placeOf('forward', line.token)
  const [from, ...to] = line.args
  if (from === undefined) place.fail("Wrong argument count or unexpected line ending after 'forward': FROM and at least one TO wanted")
  if (to.length === 0) place.fail(`Wrong argument count or unexpected line ending after '${from.text}': at least one upstream wanted`, from)
  if (to.length > MAX_TARGETS) place.fail(`more than ${MAX_TARGETS} TOs configured: ${to.length}`, to[MAX_TARGETS])
  const zone = normalizeZone(from.text)?.[0] ?? place.fail(`unable to normalize '${from.text}'`, from)
  const values = initialValues(FORWARD_TABLE)
  applyOptions(line.block ?? [], FORWARD_TABLE, 'forward', values)
  if (values.max_age > 0 && values.max_age < values.expire) {
    place.fail(`max_age (${formatDuration(values.max_age)}) must not be less than expire (${formatDuration(values.expire)})`, placeOfOption(line, 'max_age'))
  }
  const targets = to.map((arg) => readTarget(arg, place))
  if (values.tls_servername !== undefined && targets.some((target) => target.kind === 'address' && target.endpoint.serverName !== undefined)) {
    place.fail('a server name is given both in an upstream (%) and by tls_servername; keep one', placeOfOption(line, 'tls_servername'))
  }
  return {
    token: line.token,
    from: zone,
    targets,
    except: values.except,
    forceTcp: values.force_tcp,
    preferUdp: values.prefer_udp,
    endpoints: values.endpoints,
    expireMs: values.expire,
    maxAgeMs: values.max_age,
    maxQueries: values.max_queries,
    maxIdle: values.max_idle_conns,
    readTimeoutMs: values.read_timeout,
    randomCase: values.random_case,
    cookies: values.cookies,
    hedgeMs: values.hedge,
    maxFails: values.max_fails,
    maxConnectAttempts: values.max_connect_attempts,
    healthCheck: values.health_check,
    policy: values.policy,
    maxConcurrent: values.max_concurrent,
    next: values.next,
    nextOnNodata: values.next_on_nodata,
    failover: values.failover,
    failfast: values.failfast_all_unhealthy_upstreams,
    tlsFiles: values.tls,
    tlsServerName: values.tls_servername,
    tlsOpportunistic: values.tls_opportunistic,
    sourceAddress: values.source_address,
    resolvers: values.resolver,
  }
}

function readTarget(token: Token, place: Place): Target {
  try {
    return parseTarget(token.text)
  } catch (error) {
    return place.fail((error as Error).message, token)
  }
}

function readEndpointName(token: Token, place: Place): EndpointName {
  const [, host, port] = /^([^:]+)(?::(\d{1,5}))?$/.exec(token.text) ?? []
  const name = host === undefined || parseIp(host) !== undefined ? undefined : parseName(host)
  if (name === undefined || Number(port ?? DNS_PORT) > 65_535) place.fail(`"${token.text}" is no name with an optional port; addresses are given as TO`, token)
  return { name: name!, port: Number(port ?? DNS_PORT) }
}

function readHealthCheck(args: readonly Token[], place: Place): HealthCheck {
  const intervalMs = readDuration(args[0]!, 0, Infinity, place)
  let recursionDesired = true
  let domain: Name = '.'
  for (let i = 1; i < args.length; i++) {
    const { text } = args[i]!
    if (text === 'no_rec') recursionDesired = false
    else if (text === 'domain') {
      const name = args[++i]
      if (name === undefined) place.fail('domain needs a name')
      domain = parseName(name!.text) ?? place.fail(`invalid domain name ${name!.text}`, name)
    } else place.fail(`health_check: unknown option ${text}`, args[i])
  }
  return { intervalMs, recursionDesired, domain }
}

function readRcodes(args: readonly Token[], place: Place): number[] {
  return args.map((arg) => (/^\d/.test(arg.text) ? undefined : parseRcode(arg.text)) ?? place.fail(`${arg.text} is not a valid rcode`, arg))
}

function readResolver(token: Token, place: Place): string {
  const host = /^\[([^\]]+)\]:\d+$/.exec(token.text)?.[1] ?? (parseIp(token.text) === undefined ? token.text.replace(/:\d+$/, '') : token.text)
  return parseIp(host) === undefined ? place.fail(`resolver must be an IP address with an optional port, got "${token.text}"`, token) : token.text
}

function placeOfOption(line: Line, name: string): Token | undefined {
  return line.block?.findLast((option) => option.token.text === name)?.token
}
