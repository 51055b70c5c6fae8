import { readFileSync } from 'node:fs'
import { Command, InvalidArgumentError, Option } from 'commander'
import { formatIp, parseIp, parsePrefix } from '../../src/base/ip.ts'
import { exchange, type Peer, type Transport } from '../../src/client/exchange.ts'
import { decodeReply } from '../../src/client/packet.ts'
import { formatJson, formatReply, formatShort, isTruncated, rcodeOf, type Received } from '../../src/client/reply-text.ts'
import { encodeQuery, type EdnsRequest, type QueryRequest } from '../../src/client/request.ts'
import { reverseName } from '../../src/core/reverse.ts'
import { parseResolvConf } from '../../src/upstream/resolv-conf.ts'
import { parseType } from '../../src/wire/codes.ts'
import { parseName } from '../../src/wire/name.ts'
import { portNumber } from '../go-flags.ts'
import { ends, EXIT, UsageError } from './exit.ts'
import type { Tool } from './tool.ts'

interface Options {
  readonly port?: number
  readonly tcp?: boolean
  readonly tls?: boolean
  readonly tlsName?: string
  readonly tlsCa?: string
  readonly tlsInsecure?: boolean
  readonly dnssec?: boolean
  readonly cd?: boolean
  readonly ad?: boolean
  readonly recurse: boolean
  readonly edns: boolean
  readonly bufsize: number
  readonly nsid?: boolean
  readonly cookie?: string | true
  readonly subnet?: string
  readonly padding: number
  readonly ignoreTruncation?: boolean
  readonly timeout: number
  readonly tries: number
  readonly format: 'text' | 'json' | 'short'
}

/** The words of dig that mean the same as an option here. */
const DIG_WORDS: Readonly<Record<string, Partial<Options>>> = {
  tcp: { tcp: true }, vc: { tcp: true }, notcp: { tcp: false }, tls: { tls: true }, dnssec: { dnssec: true }, do: { dnssec: true }, cdflag: { cd: true }, cd: { cd: true },
  adflag: { ad: true }, norecurse: { recurse: false }, norec: { recurse: false }, noedns: { edns: false }, nsid: { nsid: true }, cookie: { cookie: true },
  ignore: { ignoreTruncation: true }, short: { format: 'short' }, json: { format: 'json' },
}

/** Asks a DNS server, as dig does. */
export function queryCommand(tool: Tool): Command {
  return new Command('query')
    .description('ask a DNS server, as dig does: over UDP, TCP or TLS')
    .argument('<name...>', '[@SERVER] NAME [TYPE], and words of dig such as +tcp, +dnssec, +short')
    .option('-p, --port <port>', 'port of the server (default: 53, with --tls 853)', portNumber)
    .option('--tcp', 'over TCP')
    .option('--tls', 'over TLS')
    .option('--tls-name <name>', 'name that the certificate must have (default: the server as given)')
    .option('--tls-ca <file>', 'CA certificates in PEM (default: the system\'s)')
    .option('--tls-insecure', 'take any certificate')
    .option('--dnssec', 'ask for DNSSEC records (DO)')
    .option('--cd', 'set the CD flag: no validation')
    .option('--ad', 'set the AD flag: is it authentic?')
    .option('--no-recurse', 'clear the RD flag')
    .option('--no-edns', 'send no OPT record')
    .option('--bufsize <octets>', 'UDP size to announce', whole(0, 65_535), 1232)
    .option('--nsid', 'ask for the server\'s identity')
    .option('--cookie [hex]', 'send a client cookie, a random one without HEX')
    .option('--subnet <prefix>', 'send a client subnet, such as 10.1.0.0/16')
    .option('--padding <octets>', 'pad the query to a multiple', whole(0, 4096), 0)
    .option('--ignore-truncation', 'do not ask again over TCP when the reply is truncated')
    .option('--timeout <ms>', 'how long to wait for a reply', whole(1, 600_000), 2000)
    .option('--tries <n>', 'how often to ask over UDP', whole(1, 100), 3)
    .addOption(new Option('--format <format>', 'how to print the reply').choices(['text', 'json', 'short']).default('text'))
    .addHelpText('after', `\nWithout @SERVER the first of /etc/resolv.conf is asked. -x is spelled by giving an address as NAME.\nExit status: 0 for NOERROR, 1 for another rcode, 2 when there was no reply.\n\n  ${tool.name} query @127.0.0.1 -p 1053 web.shop.svc.cluster.local AAAA --format json`)
    .action((words: readonly string[], given: Options) => ends(async () => {
      const { server, name, type, options } = readWords(words, given)
      const received = await ask(server, requestOf(name, type, options), options)
      process.stdout.write(FORMATS[options.format](received))
      return rcodeOf(received.reply) === 0 ? EXIT.OK : EXIT.FOUND
    }))
}

const FORMATS = { text: formatReply, json: formatJson, short: formatShort } as const

/** Words in any order, as with dig: what begins with @ is the server, with + an option, and the first of the others is the name. */
function readWords(words: readonly string[], given: Options): { server: string | undefined; name: string; type: string; options: Options } {
  let options = given
  let server: string | undefined
  const rest: string[] = []
  for (const word of words) {
    if (word.startsWith('@')) server = word.slice(1)
    else if (word.startsWith('+')) options = { ...options, ...digWord(word.slice(1)) }
    else rest.push(word)
  }
  const [name, type, extra] = rest
  if (name === undefined) throw new UsageError('a name to ask for is wanted')
  if (extra !== undefined) throw new UsageError(`"${extra}" stands behind name and type`)
  return { server, name, type: type ?? (parseIp(name) === undefined ? 'A' : 'PTR'), options }
}

function digWord(word: string): Partial<Options> {
  const [key, value] = word.split('=') as [string, string | undefined]
  const known = DIG_WORDS[key]
  if (known !== undefined && value === undefined) return known
  const number = Number(value)
  if (key === 'bufsize' && number >= 0 && number < 65_536) return { bufsize: number }
  if ((key === 'time' || key === 'timeout') && number > 0) return { timeout: number * 1000 }
  if (key === 'tries' && number > 0) return { tries: number }
  if (key === 'subnet' && value !== undefined) return { subnet: value }
  throw new UsageError(`+${word} means nothing here; --help lists the options`)
}

function requestOf(text: string, typeText: string, options: Options): QueryRequest {
  const ip = parseIp(text)
  const name = ip === undefined ? parseName(text) : reverseName(ip)
  if (name === undefined) throw new UsageError(`"${text}" is no domain name`)
  const type = parseType(typeText)
  if (type === undefined) throw new UsageError(`"${typeText}" is no record type`)
  return {
    name, type, recursion: options.recurse, checkingDisabled: options.cd === true, authenticData: options.ad === true,
    edns: options.edns ? ednsOf(options) : undefined,
  }
}

function ednsOf(options: Options): EdnsRequest {
  const { cookie, subnet } = options
  if (typeof cookie === 'string' && !/^([0-9a-fA-F]{2}){8,40}$/.test(cookie)) throw new UsageError('a cookie has 8 to 40 octets in hexadecimal')
  const prefix = subnet === undefined ? undefined : parsePrefix(subnet)
  if (subnet !== undefined && prefix === undefined) throw new UsageError(`"${subnet}" is no prefix such as 10.1.0.0/16`)
  return {
    udpSize: options.bufsize, dnssec: options.dnssec === true, nsid: options.nsid === true, cookie: cookie === true ? 'random' : cookie,
    subnet: prefix === undefined ? undefined : { address: prefix.bytes, bits: prefix.bits }, paddingBytes: options.padding,
  }
}

/** A truncated reply is asked for again over TCP, a lost one again over UDP. */
async function ask(server: string | undefined, request: QueryRequest, options: Options): Promise<Received> {
  const peer = peerOf(server, options)
  const first: Transport = options.tls === true ? 'tls' : options.tcp === true ? 'tcp' : 'udp'
  let received = await attempt(request, first, peer, first === 'udp' ? options.tries : 1)
  if (first === 'udp' && isTruncated(received.reply) && options.ignoreTruncation !== true) received = await attempt(request, 'tcp', peer, 1)
  return received
}

async function attempt(request: QueryRequest, transport: Transport, peer: Peer, tries: number): Promise<Received> {
  const server = `${peer.address.includes(':') ? `[${peer.address}]` : peer.address}:${peer.port}`
  for (let n = 1; ; n++) {
    const startMs = performance.now()
    try {
      const bytes = await exchange(encodeQuery(request), transport, peer)
      return { reply: decodeReply(bytes), server, transport, tookMs: performance.now() - startMs, sizeBytes: bytes.length }
    } catch (error) {
      if (n >= tries) throw new UsageError(`${server} over ${transport}: ${inWords(error)}`)
    }
  }
}

function peerOf(server: string | undefined, options: Options): Peer {
  const address = server ?? parseResolvConf(readFileSync('/etc/resolv.conf', 'utf8')).nameservers[0] ?? '127.0.0.1'
  const ip = parseIp(address === 'localhost' ? '127.0.0.1' : address)
  if (ip === undefined) throw new UsageError(`@${address}: the server's IP address is wanted${/^[^:]+:\d+$/.test(address) ? '; its port goes into -p' : ''}`)
  return {
    address: formatIp(ip),
    port: options.port ?? (options.tls === true ? 853 : 53),
    timeoutMs: options.timeout,
    tls: { serverName: options.tlsName, ca: options.tlsCa === undefined ? undefined : readCa(options.tlsCa), insecure: options.tlsInsecure === true },
  }
}

/** What a network error means to whoever looks for a DNS server. */
function inWords(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'connection refused: nothing listens there'
  if (code === 'ENETUNREACH' || code === 'EHOSTUNREACH') return 'no way there from this machine'
  return message
}

function readCa(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--tls-ca: ${(error as Error).message}`)
  }
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < min || value > max) throw new InvalidArgumentError(`"${text}" is no number from ${min} to ${max}`)
    return value
  }
}
