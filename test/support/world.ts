/**
 * A server without sockets for tests of plugins: parses a Corefile, builds its blocks in a tame world (a clock moved by hand,
 * a log that is read back, files in memory) and runs questions through it, the server's last step included.
 */
import { ByteBudget } from '../../src/core/byte-budget.ts'
import { FakeClock } from '../../src/base/fake-clock.ts'
import { MemoryLog } from '../../src/base/log.ts'
import { MetricsRegistry } from '../../src/admin/metrics.ts'
import type { World } from '../../src/core/build.ts'
import type { FileStat, HttpHandler, InterfaceAddress } from '../../src/core/env.ts'
import type { Plugin, Stage } from '../../src/core/plugin.ts'
import type { Protocol } from '../../src/core/query.ts'
import { NO_PACKET_CACHE } from '../../src/core/quick.ts'
import { parseCorefile } from '../../src/corefile/parser.ts'
import { EchoedOptions } from '../../src/server/finish.ts'
import { Generation } from '../../src/server/generation.ts'
import { KeepsakeStore } from '../../src/server/keepsakes.ts'
import { peerOf } from '../../src/server/peer.ts'
import { CLASS, parseType, parseClass } from '../../src/wire/codes.ts'
import { decodeMessage } from '../../src/wire/decode.ts'
import { Message, type Edns } from '../../src/wire/message.ts'
import { formatRecord } from '../../src/wire/record.ts'

export interface TestOptions {
  readonly plugins: readonly Plugin[]
  /** Path → content, read through `env.files`. Mutable: change it and move the clock. */
  readonly files?: Record<string, string>
  readonly environment?: Record<string, string>
  readonly interfaces?: readonly InterfaceAddress[]
  /** Numbers that `random.float` yields in turn, again and again; default 0.5. */
  readonly random?: readonly number[]
  /** Calls `start` of the stages; default true. */
  readonly start?: boolean
}

export interface AskOptions {
  readonly client?: string
  readonly port?: number
  readonly protocol?: Protocol
  readonly edns?: Partial<Edns>
  readonly rd?: boolean
  readonly cd?: boolean
  readonly ad?: boolean
}

export interface TestServer {
  /** `name type` or `name class type`; undefined when the query was dropped. */
  ask(text: string, options?: AskOptions): Promise<Message | undefined>
  readonly clock: FakeClock
  readonly log: MemoryLog
  readonly metrics: MetricsRegistry
  readonly files: Record<string, string>
  readonly generation: Generation
  /** Handlers that stages registered, as `address path`. */
  readonly http: ReadonlyMap<string, HttpHandler>
  /** What `env.fatal` was called with. */
  readonly fatal: string[]
  readonly panics: unknown[]
  /** A second generation from another Corefile in the same world, as after a reload. The old one is stopped. */
  reload(corefile: string): Promise<TestServer>
  stop(): Promise<void>
}

/** Throws ConfigError like the program would. */
export async function testServer(corefile: string, options: TestOptions): Promise<TestServer> {
  const tame = makeWorld(options)
  return open(corefile, options, tame)
}

/** Record lines of a section, as `name ttl class type rdata`, for comparisons. */
export function lines(records: Message['answers']): string[] {
  return records.map((record) => formatRecord(record).replaceAll('\t', ' '))
}

/** A stage at the end of the chain that answers by a function; its directive is `name` (default `whoami`, the last of all). */
export function scripted(answer: NonNullable<Stage['query']>, name = 'whoami'): Plugin {
  return { name, parse: () => ({ build: () => ({ name, query: answer }) }) }
}

interface Tame {
  readonly world: World
  readonly clock: FakeClock
  readonly log: MemoryLog
  readonly metrics: MetricsRegistry
  readonly files: Record<string, string>
  readonly http: Map<string, HttpHandler>
  readonly fatal: string[]
  readonly panics: unknown[]
  readonly keepsakes: KeepsakeStore
  readonly echoed: EchoedOptions
}

async function open(corefile: string, options: TestOptions, tame: Tame): Promise<TestServer> {
  const parsed = parseCorefile(corefile, {
    file: 'Corefile',
    defaultPort: 53,
    env: (name) => options.environment?.[name],
    directives: options.plugins.map((plugin) => plugin.name),
    files: {
      read: (path) => textOf(tame.files, path),
      glob: (pattern) => Object.keys(tame.files).filter((path) => path.startsWith(pattern.split('*')[0]!)),
      isDirectory: () => false,
      resolve: (_base, path) => path,
    },
  })
  tame.keepsakes.begin()
  const plugins = new Map(options.plugins.map((plugin) => [plugin.name, plugin]))
  const generation = new Generation(parsed, plugins, tame.world, {
    metrics: tame.metrics,
    echoed: tame.echoed,
    selfProbe: { answer: () => undefined },
    traffic: { answered: () => undefined, answeredQuickly: () => undefined, answeredLater: () => undefined },
    unsendable: (_q, error) => { tame.panics.push(error) },
    quickFailed: (error) => { tame.panics.push(error) },
    packets: undefined,
  })
  if (options.start !== false) await generation.start()
  generation.serving([])
  tame.keepsakes.commit()
  return {
    ...tame,
    generation,
    ask: (text, ask) => askGeneration(generation, text, ask ?? {}, tame.clock),
    async reload(next) {
      const server = await open(next, options, tame)
      await generation.stop()
      return server
    },
    stop: () => generation.stop(),
  }
}

async function askGeneration(generation: Generation, text: string, options: AskOptions, clock: FakeClock): Promise<Message | undefined> {
  const request = new Message()
  request.id = 4711
  request.rd = options.rd ?? true
  request.cd = options.cd ?? false
  request.ad = options.ad ?? false
  const words = text.split(' ')
  request.questions = [{
    name: words[0]!,
    type: parseType(words.at(-1)!)!,
    class: words.length > 2 ? parseClass(words[1]!)! : CLASS.IN,
  }]
  if (options.edns !== undefined) request.edns = { udpSize: 1232, version: 0, do: false, z: 0, options: [], ...options.edns }
  const group = generation.wanted[0]!.group
  const reply = await group.answer(request, {
    client: peerOf(options.client ?? '10.0.0.1', options.port ?? 40_000),
    local: peerOf('10.0.0.53', 53),
    protocol: options.protocol ?? 'udp',
    server: group,
    sizeBytes: 40,
    startMs: clock.nowMs(),
  })
  return reply === undefined ? undefined : decodeMessage(reply)
}

function makeWorld(options: TestOptions): Tame {
  const clock = new FakeClock()
  const log = new MemoryLog()
  const metrics = new MetricsRegistry()
  const http = new Map<string, HttpHandler>()
  const fatal: string[] = []
  const panics: unknown[] = []
  const keepsakes = new KeepsakeStore()
  const echoed = new EchoedOptions()
  const files = options.files ?? {}
  let turn = 0
  const float = () => (options.random === undefined ? 0.5 : options.random[turn++ % options.random.length]!)
  const world: World = {
    log, clock, metrics, keepsakes, echoed,
    packets: NO_PACKET_CACHE,
    cacheBudget: new ByteBudget(Infinity),
    shared: new Map(),
    exposeMetrics: (format) => metrics.expose(format),
    hostSearchPath: () => [],
    random: { float, int: (limit) => Math.floor(float() * limit) },
    files: {
      resolve: (path) => path,
      read: (path) => Buffer.from(textOf(files, path)),
      stat: (path) => statOf(files, path),
    },
    http: {
      serve: (address, path, handle) => {
        http.set(`${address} ${path}`, handle)
        return Promise.resolve({ port: 0, close: () => Promise.resolve(void http.delete(`${address} ${path}`)) })
      },
    },
    streams: { acknowledger: () => () => undefined },
    spans: { open: () => Promise.resolve({ begin: () => ({ traceId: '0', end: () => undefined }), close: () => Promise.resolve() }) },
    host: {
      name: 'test-host',
      addresses: () => options.interfaces ?? [{ link: 'lo', address: '127.0.0.1', loopback: true }, { link: 'eth0', address: '10.0.0.53', loopback: false }],
      environment: (name) => options.environment?.[name],
      httpGet: () => Promise.resolve(200),
      profiler: { heapSnapshot: () => Promise.resolve('{"snapshot":"of a test"}'), cpuProfile: (ms) => Promise.resolve(`{"profile":"of ${ms} ms of a test"}`) },
    },
    fatal: (text) => { fatal.push(text) },
    panic: (_q, _stage, error) => { panics.push(error) },
  }
  return { world, clock, log, metrics, files, http, fatal, panics, keepsakes, echoed }
}

function textOf(files: Readonly<Record<string, string>>, path: string): string {
  const text = files[path]
  if (text === undefined) throw Object.assign(new Error(`open ${path}: no such file or directory`), { code: 'ENOENT' })
  return text
}

/** The content stands for the time of change: another text is another mtime. */
function statOf(files: Readonly<Record<string, string>>, path: string): FileStat | undefined {
  const text = files[path]
  if (text === undefined) return undefined
  let sum = 0
  for (const char of text) sum = (sum * 31 + char.codePointAt(0)!) % 1_000_003
  return { mtimeMs: sum, sizeBytes: text.length, directory: false }
}
