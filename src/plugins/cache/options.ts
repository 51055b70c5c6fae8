import { parseDuration } from '../../base/duration.ts'
import { ConfigError } from '../../corefile/error.ts'
import { normalizeZone } from '../../corefile/keys.ts'
import { applyOptions, flag, initialValues, onlyLine, placeOf, readDuration, readInteger, readZones, row, type Place } from '../../corefile/options.ts'
import type { Directive, Token } from '../../corefile/tree.ts'
import { matchZone } from '../../core/zones.ts'
import type { Name } from '../../wire/name.ts'

const MAX_TTL = 3600
const MAX_DENIAL_TTL = 1800
const MIN_TTL = 5
const CAPACITY = 10_000
const MAX_CAPACITY = 100_000_000
const FIVE_MINUTES_MS = 300_000

/** Capacity and TTL bounds of one of the two stores. */
export interface StoreOptions {
  readonly capacity: number
  readonly maxTtl: number
  readonly minTtl: number
}

export interface PrefetchOptions {
  /** Hits that make a name worth it; 0 for never. */
  readonly amount: number
  /** A pause longer than this starts the count again. */
  readonly windowMs: number
  /** Share of the TTL, in percent, that must be left at most. */
  readonly percentage: number
}

export interface StaleOptions {
  /** How long after its end an entry may be used; 0 for never. */
  readonly upToSeconds: number
  readonly verify: boolean
  /** How long a client waits for the verification; 0 for as long as it takes. */
  readonly verifyTimeoutMs: number
  /** TTL of stale answers. */
  readonly ttl: number
  /** After a failed refresh, none is tried for so long; 0 for at once. */
  readonly recheckMs: number
  /** No `serve_stale` is given: an expired answer takes the place of none, or of one that is late, and of nothing else (RFC 8767). */
  readonly lastResort: boolean
}

export interface CacheOptions {
  readonly zones: readonly Name[]
  readonly success: StoreOptions
  readonly denial: StoreOptions
  readonly prefetch: PrefetchOptions
  readonly stale: StaleOptions
  readonly preferPositive: boolean
  /** How long SERVFAIL is kept; 0 for not at all. */
  readonly servfailSeconds: number
  readonly disableSuccess: readonly Name[]
  readonly disableDenial: readonly Name[]
  readonly keepTtl: boolean
}

const NO_STALE: StaleOptions = { upToSeconds: 0, verify: false, verifyTimeoutMs: 0, ttl: 0, recheckMs: 0, lastResort: false }
/** RFC 8767 5 with a shorter wait: resolvers in pods ask again, or elsewhere, after a second or two. */
const LAST_RESORT: StaleOptions = { upToSeconds: 3600, verify: true, verifyTimeoutMs: 500, ttl: 30, recheckMs: 5000, lastResort: true }

/** What the block says; undefined fields keep what the directive's own TTL argument made of them. */
interface Sizes {
  readonly capacity: number
  readonly maxTtl: number | undefined
  readonly minTtl: number
}

const DEFAULT_SIZES: Sizes = { capacity: CAPACITY, maxTtl: undefined, minTtl: MIN_TTL }
const NO_ZONES: { success: readonly Name[]; denial: readonly Name[] } = { success: [], denial: [] }

export const CACHE_TABLE = {
  success: row({ min: 1, max: 3, form: 'CAPACITY [TTL [MINTTL]]', help: 'store of answers: entries (default 10000), longest (3600) and shortest (5) time to keep them, in seconds', initial: DEFAULT_SIZES, read: readSizes }),
  denial: row({ min: 1, max: 3, form: 'CAPACITY [TTL [MINTTL]]', help: 'store of denials: entries (default 10000), longest (1800) and shortest (5) time to keep them, in seconds', initial: DEFAULT_SIZES, read: readSizes }),
  prefetch: row<PrefetchOptions>({
    min: 1, max: 3, form: 'AMOUNT [DURATION [PERCENTAGE%]]',
    help: 'refresh a name that was asked AMOUNT times with no pause of DURATION (default 1m) when PERCENTAGE (10%) of its TTL is left',
    initial: { amount: 0, windowMs: 60_000, percentage: 10 },
    read: readPrefetch,
  }),
  serve_stale: row<StaleOptions>({
    min: 0, max: 5, form: 'off|[DURATION [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]]',
    help: 'never answer from expired entries (off), or, other than without this line, answer from them for DURATION (default 1h) after their end: at once and refresh behind (immediate, the default), or only if asking fails or takes longer than TIMEOUT (verify); with TTL (0), and no new refresh for RECHECK after a failed one',
    initial: LAST_RESORT,
    read: readStale,
  }),
  serve_stale_policy: row({
    form: 'prefer_positive', help: 'with serve_stale: a stale answer is better than a denial', initial: false, once: true,
    read: ([arg], place) => arg!.text.toLowerCase() === 'prefer_positive' || place.fail(`invalid serve_stale_policy: ${arg!.text}`, arg),
  }),
  servfail: row({
    form: 'DURATION', help: 'how long SERVFAIL is kept, at most 5m; 0 for not at all (default 5s)', initial: MIN_TTL,
    read: ([arg], place) => {
      const ms = readDuration(arg!, 0, Infinity, place)
      if (ms > FIVE_MINUTES_MS) place.fail('caching SERVFAIL responses over 5 minutes is not permitted', arg)
      return Math.floor(ms / 1000)
    },
  }),
  disable: row({
    min: 1, max: Infinity, form: 'success|denial [ZONES...]', help: 'do not store answers, or denials, of all names or those in ZONES', initial: NO_ZONES,
    read: ([kind, ...args], place, before) => {
      if (kind!.text !== 'success' && kind!.text !== 'denial') place.fail('cache type for disable must be "success" or "denial"', kind)
      return { ...before, [kind!.text]: args.length === 0 ? ['.'] : readZones(args, place) }
    },
  }),
  keepttl: flag({ help: 'answer with the original TTL instead of what is left of it' }),
}

/** `cache [TTL] [ZONES...] { … }`. Throws ConfigError. */
export function parseCache(directive: Directive, blockZones: readonly Name[]): CacheOptions {
  const line = onlyLine(directive.lines, 'cache')
  const place: Place = placeOf('cache', line.token)
  const [first, ...others] = line.args
  const hasTtl = first !== undefined && /^[+-]?\d+$/.test(first.text)
  const ttl = hasTtl ? Number(first.text) : undefined
  if (ttl !== undefined && ttl <= 0) place.fail(`cache TTL can not be zero or negative: ${ttl}`, first)
  const zoneArgs = hasTtl ? others : line.args
  const zones = zoneArgs.flatMap((arg) => normalizeZone(arg.text) ?? place.fail(`"${arg.text}" is neither a TTL nor a zone`, arg))
  const values = initialValues(CACHE_TABLE)
  applyOptions(line.block ?? [], CACHE_TABLE, 'cache', values)
  const stale = line.block?.some((option) => option.token.text === 'serve_stale') === true
  if (values.serve_stale_policy && !stale) throw new ConfigError(line.token, 'cache', 'serve_stale_policy requires serve_stale')
  return {
    zones: zoneArgs.length === 0 ? blockZones : zones,
    success: sizes(values.success, ttl ?? MAX_TTL),
    denial: sizes(values.denial, ttl ?? MAX_DENIAL_TTL),
    prefetch: values.prefetch,
    stale: values.serve_stale,
    preferPositive: values.serve_stale_policy,
    servfailSeconds: values.servfail,
    disableSuccess: values.disable.success,
    disableDenial: values.disable.denial,
    keepTtl: values.keepttl,
  }
}

/** CoreDNS spreads entries over 256 shards with at least four each; the capacity that results is the same here. */
/** Whether answers, or denials, of the name are stored at all. */
export function stores({ disableSuccess, disableDenial }: CacheOptions, positive: boolean, name: Name): boolean {
  return matchZone(positive ? disableSuccess : disableDenial, name) === undefined
}

function sizes(read: Sizes, maxTtl: number): StoreOptions {
  const capacity = Math.max(4, Math.floor(read.capacity / 256)) * 256
  return { capacity, maxTtl: read.maxTtl ?? maxTtl, minTtl: read.minTtl }
}

function readSizes([capacity, ttl, minTtl]: readonly Token[], place: Place): Sizes {
  const longest = ttl === undefined ? undefined : readInteger(ttl, -Infinity, Number.MAX_SAFE_INTEGER, place)
  if (longest !== undefined && longest <= 0) place.fail(`cache TTL can not be zero or negative: ${longest}`, ttl)
  const shortest = minTtl === undefined ? MIN_TTL : readInteger(minTtl, -Infinity, Number.MAX_SAFE_INTEGER, place)
  if (shortest < 0) place.fail(`cache min TTL can not be negative: ${shortest}`, minTtl)
  return { capacity: readCapacity(capacity!, place), maxTtl: longest, minTtl: shortest }
}

function readCapacity(token: Token, place: Place): number {
  const capacity = readInteger(token, -Infinity, MAX_CAPACITY, place)
  return capacity < 1 ? place.fail(`capacity must be at least 1, got ${token.text}`, token) : capacity
}

function readPrefetch([amount, window, percentage]: readonly Token[], place: Place): PrefetchOptions {
  const hits = readInteger(amount!, -Infinity, Number.MAX_SAFE_INTEGER, place)
  if (hits < 0) place.fail(`prefetch amount should be positive: ${hits}`, amount)
  const windowMs = window === undefined ? 60_000 : readDuration(window, 0, Infinity, place)
  return { amount: hits, windowMs, percentage: percentage === undefined ? 10 : readPercentage(percentage, place) }
}

function readPercentage(token: Token, place: Place): number {
  if (!token.text.endsWith('%')) place.fail(`last character of percentage should be \`%\`, but is: '${token.text.at(-1) ?? ''}'`, token)
  const digits = token.text.slice(0, -1)
  if (!/^[+-]?\d+$/.test(digits)) place.fail(`"${token.text}" is not a percentage`, token)
  const value = Number(digits)
  return value < 10 || value > 90 ? place.fail(`percentage should fall in range [10, 90]: ${value}`, token) : value
}

function readStale(args: readonly Token[], place: Place): StaleOptions {
  const [window, mode, ...rest] = args
  if (window?.text === 'off') return mode === undefined ? NO_STALE : place.fail('off takes no further arguments', mode)
  const windowMs = window === undefined ? 3_600_000 : readDuration(window, 0, Infinity, place)
  const word = mode?.text.toLowerCase() ?? 'immediate'
  if (word !== 'immediate' && word !== 'verify') place.fail(`invalid value for serve_stale refresh mode: ${word}`, mode)
  const verify = word === 'verify'
  if (!verify && rest.length > 2) place.fail('Wrong argument count: immediate takes a TTL and a RECHECK', rest[2])
  const timeout = verify ? rest.shift() : undefined
  const [ttl, recheck] = rest
  return {
    upToSeconds: Math.floor(windowMs / 1000),
    verify,
    verifyTimeoutMs: timeout === undefined ? 0 : readDuration(timeout, 0, Infinity, place),
    ttl: ttl === undefined ? 0 : readStaleTtl(ttl, place),
    recheckMs: recheck === undefined ? 0 : readDuration(recheck, 0, FIVE_MINUTES_MS, place),
    lastResort: false,
  }
}

function readStaleTtl(token: Token, place: Place): number {
  const ms = parseDuration(token.text)
  if (ms === undefined || ms < 0 || ms % 1000 !== 0 || ms / 1000 > 0x7fffffff) place.fail(`"${token.text}" is no TTL: whole seconds wanted, such as 30s`, token)
  return ms / 1000
}
