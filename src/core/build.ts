import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { ConfigError } from '../corefile/error.ts'
import type { Directive, Key, ServerBlock } from '../corefile/tree.ts'
import type { Name } from '../wire/name.ts'
import { ask } from './ask.ts'
import type { ByteBudget } from './byte-budget.ts'
import { Chain } from './chain.ts'
import type { BlockInfo, Env, Files, Host, Http, Random, Streams } from './env.ts'
import type { Metrics, MetricsFormat } from './metrics.ts'
import { Metadata } from './metadata.ts'
import { Slot, type ParseContext, type Plugin, type Setup, type Stage } from './plugin.ts'
import type { Query } from './query.ts'
import type { PacketCache } from './quick.ts'
import { DEFAULT_SETTINGS, type BlockSettings } from './settings.ts'
import type { Spans } from './spans.ts'
import type { Trace } from './trace.ts'
import { matchZone } from './zones.ts'

/** What a process lends to its blocks. The server makes the real one, tests make a tame one. */
export interface World {
  readonly log: Log
  readonly clock: Clock
  readonly random: Random
  readonly metrics: Metrics
  readonly files: Files
  readonly http: Http
  readonly host: Host
  readonly spans: Spans
  readonly streams: Streams
  readonly echoed: { add(code: number): void; has(code: number): boolean }
  readonly packets: PacketCache
  /** What all caches may hold together. */
  readonly cacheBudget: ByteBudget
  /** Things that outlive a reload, by fingerprint. */
  readonly keepsakes: Keepsakes
  /** What `env.shared` gives. */
  readonly shared: Map<string, unknown>
  exposeMetrics(format?: MetricsFormat): Promise<string>
  hostSearchPath(): readonly Name[]
  fatal(text: string): void
  /** A stage threw. */
  panic(q: Query, stage: Stage, error: unknown): void
}

/** What `env.keep` stores. `get` marks the entry as used by the generation under construction. */
export interface Keepsakes {
  get(key: string): unknown
  set(key: string, value: unknown): void
}

/** A server block, built and ready to be started. */
export interface Block {
  readonly keys: readonly Key[]
  readonly zones: readonly Name[]
  readonly settings: BlockSettings
  /** Relative paths begin where `root` says. */
  readonly files: Files
  readonly chain: Chain
  /** Whether the query is for this block, among those of its zone. Labels are collected first, so that `view` can look at them. */
  accepts(q: Query): boolean
  /** A trace for the query, if a stage wants one. */
  watch(q: Query): Trace | undefined
  /** Every stage, those outside the chain (health, ready …) included, in order of execution. */
  readonly stages: readonly Stage[]
  /** Filled in by the server: see `BlockInfo`. */
  readonly place: BlockPlace
}

/** Where a block is reachable, known once its listeners are. */
export interface BlockPlace {
  serverLabels: readonly string[]
  listening: readonly { readonly address: string; readonly port: number }[]
  bound: readonly string[]
  otherZones: readonly Name[]
}

/** Builds the chain of one block. Throws ConfigError. Nothing of the world is touched before the stages' `start`. */
export function buildBlock(source: ServerBlock, plugins: ReadonlyMap<string, Plugin>, world: World): Block {
  const zones = [...new Set(source.keys.map((key) => key.zone))]
  const setups = source.directives.map((directive) => ({ directive, setup: parseDirective(directive, plugins, { zones, keys: source.keys, directives: source.directives }) }))
  const settings = mergeSettings(setups.map((entry) => entry.setup))
  const files = filesAt(settings.root, world.files)
  const place: BlockPlace = { serverLabels: [], listening: [], bound: [], otherZones: [] }
  const stages: Stage[] = []
  const inChain: Stage[] = []
  const chain = new Chain(inChain, { caught: (q, stage, error) => world.panic(q, stage, error) })
  let slots = 0
  setups.forEach(({ directive, setup }, i) => {
    if (setup.build === undefined) return
    const below = setups.slice(i).map((entry) => fingerprint(entry.directive, plugins.get(entry.directive.name))).join('\n')
    const env = makeEnv(world, {
      name: directive.name,
      block: blockInfo(source, zones, settings.view, place),
      files,
      stages,
      chain,
      chainIndex: () => inChain.indexOf(stage),
      fingerprint: `${identity(source)}\n${below}`,
      nextSlot: () => slots++,
    })
    const stage = setup.build(env)
    stages.push(stage)
    if (stage.query !== undefined || stage.reply !== undefined) inChain.push(stage)
  })
  return { keys: source.keys, zones, settings, files, chain, accepts: acceptance(settings, stages), watch: watcher(stages), stages, place }
}

function parseDirective(directive: Directive, plugins: ReadonlyMap<string, Plugin>, context: ParseContext): Setup {
  const plugin = plugins.get(directive.name)
  if (plugin === undefined) throw new ConfigError(directive.token, directive.name, 'this directive is not part of this program')
  return plugin.parse(directive, context)
}

/** Undefined zones: the block collects nothing. */
function acceptance({ metadata: zones }: BlockSettings, stages: readonly Stage[]): (q: Query) => boolean {
  const providers = stages.filter((stage) => stage.metadata !== undefined)
  const filters = stages.filter((stage) => stage.accepts !== undefined)
  return (q) => {
    if (zones !== undefined) q.metadata = new Metadata(q, matchZone(zones, q.question.name) === undefined ? [] : providers)
    return filters.every((stage) => stage.accepts!(q))
  }
}

function watcher(stages: readonly Stage[]): (q: Query) => Trace | undefined {
  const watching = stages.find((stage) => stage.watch !== undefined)
  return (q) => watching?.watch!(q)
}

function mergeSettings(setups: readonly Setup[]): BlockSettings {
  return Object.assign({}, DEFAULT_SETTINGS, ...setups.map((setup) => setup.settings))
}

interface StageSite {
  readonly name: string
  readonly block: BlockInfo
  readonly files: Files
  readonly stages: readonly Stage[]
  readonly chain: Chain
  chainIndex(): number
  readonly fingerprint: string
  nextSlot(): number
}

function makeEnv(world: World, site: StageSite): Env {
  return {
    block: site.block,
    log: world.log.named(`plugin/${site.name}`),
    plainLog: world.log,
    clock: world.clock,
    random: world.random,
    metrics: world.metrics,
    files: site.files,
    http: world.http,
    host: world.host,
    spans: world.spans,
    streams: world.streams,
    echoed: world.echoed,
    packets: world.packets,
    cacheBudget: world.cacheBudget,
    slot: () => new Slot(site.nextSlot()),
    ask: (q, wanted) => ask(q, site.chain, site.chainIndex() + 1, wanted),
    siblings: () => site.stages,
    keep: <T>(make: () => T) => {
      const kept = world.keepsakes.get(site.fingerprint)
      if (kept !== undefined) return kept as T
      const made = make()
      world.keepsakes.set(site.fingerprint, made)
      return made
    },
    shared: <T>(name: string, make: () => T) => {
      if (!world.shared.has(name)) world.shared.set(name, make())
      return world.shared.get(name) as T
    },
    exposeMetrics: (format) => world.exposeMetrics(format),
    hostSearchPath: () => world.hostSearchPath(),
    fatal: (text) => world.fatal(`plugin/${site.name}: ${text}`),
  }
}

function blockInfo(source: ServerBlock, zones: readonly Name[], view: string, place: BlockPlace): BlockInfo {
  return {
    keys: source.keys,
    zones,
    view,
    serverLabels: () => place.serverLabels,
    listening: () => place.listening,
    bound: () => place.bound,
    otherZones: () => place.otherZones,
  }
}

/** Relative paths begin at the folder that `root` names. */
function filesAt(root: string | undefined, files: Files): Files {
  if (root === undefined) return files
  return { ...files, resolve: (path) => files.resolve(path.startsWith('/') ? path : `${root}/${path}`) }
}

/** Tells blocks of one file apart: their keys and what they bind to. */
function identity(source: ServerBlock): string {
  const bind = source.directives.find((directive) => directive.name === 'bind')
  return `${source.keys.map((key) => key.text).join(' ')} ${bind === undefined ? '' : fingerprint(bind)}`
}

/** The words of a directive without their places: equal for directives that mean the same. */
function fingerprint(directive: Directive, plugin?: Plugin): string {
  if (plugin?.answersBy !== undefined) return JSON.stringify([directive.name, plugin.answersBy(directive)])
  return JSON.stringify([directive.name, directive.lines.map((line) => [
    line.args.map((token) => token.text),
    line.block?.map((inner) => [inner.token.text, ...inner.args.map((token) => token.text)]),
  ])])
}
