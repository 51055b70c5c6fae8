import type { IncomingMessage } from 'node:http'
import type { Clock, Timer } from '../../base/clock.ts'
import { BUCKETS } from '../../core/metrics.ts'
import { decodeObject, ObjectError } from '../decode.ts'
import type { ClusterIndex } from '../index.ts'
import { isHeadless, type ClusterObject, type Kind } from '../objects.ts'
import type { Slices } from '../../base/slices.ts'
import { ApiError, type ApiClient } from './api-client.ts'
import { eventsOf, readPage, type WatchEvent } from './events.ts'
import type { SourceWorld } from './source.ts'

const PAGE = 500
/** How long the server may keep a watch open: spread, so that watches do not all end at once. */
const WATCH_SECONDS = [300, 600] as const
/** A watch without a word for so long, bookmarks included, is taken for dead: the server sends a bookmark every minute. */
const SILENCE_MS = 150_000
const BACKOFF_MS = [200, 30_000] as const
/** A watch that ends sooner without a word is a failure: asking again at once would be a storm. */
const SHORTEST_WATCH_MS = 1000
/** What the system's and OpenSSL's words mean here. */
const TROUBLES: Readonly<Record<string, string>> = {
  ECONNRESET: 'the connection was cut',
  ...Object.fromEntries(['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'SELF_SIGNED_CERT_IN_CHAIN', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'].map((code) =>
    [code, 'the server\'s certificate is signed by none of the CAs that we know; name its CA in tls or in the kubeconfig'])),
}

export interface Resource {
  readonly kind: Kind
  readonly path: string
  readonly group: string
  readonly plural: string
  /** What people call it, if not that. */
  readonly title?: string
  /** What to do about an API server that does not know it. */
  readonly whenAbsent?: string
  readonly fieldSelector?: string
  readonly labelSelector: string | undefined
  readonly podLabels: readonly string[]
}

export function titleOf({ title, plural }: Pick<Resource, 'title' | 'plural'>): string {
  return title ?? plural
}

/** Whether events complete a list or follow one. */
type Phase = 'list' | 'watch'

/** Ends a watch so that the next one begins with a list. */
class Expired extends Error {}

/** Keeps one kind of objects in an index what the API server has: list, then watch, resume, relist, for ever. */
export class Reflector {
  readonly #resource: Resource
  readonly #client: ApiClient
  readonly #index: ClusterIndex
  readonly #world: SourceWorld
  readonly #slices: Slices
  readonly #abort = new AbortController()
  #version = ''
  #failures = 0
  #streaming = true
  #complaint = ''
  #wait: Timer | undefined
  synced = false

  constructor(resource: Resource, client: ApiClient, index: ClusterIndex, world: SourceWorld, slices: Slices) {
    this.#resource = resource
    this.#client = client
    this.#index = index
    this.#world = world
    this.#slices = slices
  }

  start(): void {
    void this.#run()
  }

  stop(): void {
    this.#abort.abort()
    this.#wait?.cancel()
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      try {
        if (this.#version === '') await this.#begin()
        else await this.#watch({ resourceVersion: this.#version })
        this.#failures = 0
      } catch (error) {
        if (this.#abort.signal.aborted) return
        await this.#recover(error)
      }
    }
  }

  /** A streaming list where the server has it (Kubernetes 1.32 on by default), pages where not. */
  async #begin(): Promise<void> {
    if (this.#streaming) {
      try {
        return await this.#watch({ sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', resourceVersion: '' })
      } catch (error) {
        // A server without streaming lists refuses the parameters (400, 422).
        if (!(error instanceof ApiError) || (error.status !== 400 && error.status !== 422)) throw error
        this.#streaming = false
      }
    }
    await this.#list()
    await this.#watch({ resourceVersion: this.#version })
  }

  async #list(): Promise<void> {
    this.#index.startList(this.#resource.kind)
    let next: string | undefined
    let version = ''
    do {
      const body = await this.#client.get(this.#resource.path, { limit: String(PAGE), continue: next, ...this.#selectors() }, this.#abort.signal)
      const page = await readPage(this.#resource, body)
      for (const item of page.items ?? []) {
        const pause = this.#slices.pause()
        if (pause !== undefined) await pause
        this.#decode(item, (object) => this.#index.put(object))
      }
      next = page.metadata?.continue || undefined
      version = page.metadata?.resourceVersion ?? ''
    } while (next !== undefined)
    await this.#finish(version)
  }

  /** Follows events until the server ends the watch. Throws Expired when the version is too old. */
  async #watch(start: Readonly<Record<string, string>>): Promise<void> {
    const seconds = Math.round(WATCH_SECONDS[0] + this.#world.random.float() * (WATCH_SECONDS[1] - WATCH_SECONDS[0]))
    const body = await this.#client.get(this.#resource.path, { watch: 'true', allowWatchBookmarks: 'true', timeoutSeconds: String(seconds), ...start, ...this.#selectors() }, this.#abort.signal)
    await this.#follow(body, start.sendInitialEvents !== undefined)
  }

  async #follow(body: IncomingMessage, listing: boolean): Promise<void> {
    if (listing) this.#index.startList(this.#resource.kind)
    let phase: Phase = listing ? 'list' : 'watch'
    const watchdog = new Watchdog(this.#world.clock, () => body.destroy(new Error('the watch has gone silent')))
    const startMs = this.#world.clock.nowMs()
    let heard = false
    try {
      for await (const event of eventsOf(this.#resource, body)) {
        watchdog.heard()
        heard = true
        const pause = this.#slices.pause()
        if (pause !== undefined) await pause
        const next = this.#take(event, phase)
        phase = typeof next === 'string' ? next : await next
        if (this.#failures > 0 && phase === 'watch') this.#isWell()
      }
    } finally {
      watchdog.cancel()
    }
    if (phase === 'list') throw new Error('the streaming list ended before it was complete')
    if (!heard && this.#world.clock.nowMs() - startMs < SHORTEST_WATCH_MS) throw new Error('the server ends the watch at once')
  }

  /** Applies an event, and says in which phase the next one is. */
  #take(event: WatchEvent, phase: Phase): Phase | Promise<Phase> {
    const { metadata } = event.object
    const { kind } = this.#resource
    if (event.type === 'ERROR') {
      if (event.object.code === 410) throw new Expired(event.object.message)
      throw new Error(`watch: ${event.object.message ?? JSON.stringify(event.object)}`)
    }
    const version = metadata?.resourceVersion ?? this.#version
    if (event.type === 'BOOKMARK') {
      if (phase === 'list' && metadata?.annotations?.['k8s.io/initial-events-end'] === 'true') return this.#finish(version).then(() => 'watch')
    } else if (event.type === 'DELETED') this.#index.remove(kind, metadata?.namespace ?? '', metadata?.name ?? '')
    else this.#decode(event.object, (object) => (phase === 'list' ? this.#index.put(object) : this.#put(object)))
    // A list that breaks off begins anew: its versions are no place to resume from.
    if (phase === 'watch') this.#version = version
    return phase
  }

  #put(object: ClusterObject): void {
    this.#index.put(object)
    if (object.kind !== 'EndpointSlice' || object.triggeredMs === undefined) return
    const service = this.#index.service(object.namespace.toLowerCase(), object.service.toLowerCase())
    if (service === undefined) return
    const kind = isHeadless(service) ? (service.hasSelector ? 'headless_with_selector' : 'headless_without_selector') : 'cluster_ip'
    this.#world.metrics.histogram('coredns_kubernetes_dns_programming_duration_seconds', 'Histogram of the time (in seconds) it took to program a dns instance.', BUCKETS.PROG, ['service_kind'])
      .with(kind).observe(Math.max(0, this.#world.clock.wallMs() - object.triggeredMs) / 1000)
  }

  #decode(item: unknown, use: (object: ClusterObject) => void): void {
    try {
      use(decodeObject(this.#resource.kind, item, this.#resource.podLabels))
    } catch (error) {
      if (!(error instanceof ObjectError)) throw error
      this.#say(`${this.#resource.kind} left out: ${error.message}`)
    }
  }

  /** What a list ends with: what it did not name goes, and the watch goes on from its version. */
  async #finish(version: string): Promise<void> {
    await this.#index.finishList(this.#resource.kind, this.#slices)
    this.#version = version
    if (!this.synced) this.#world.log.info(`${titleOf(this.#resource)} are synced`)
    this.synced = true
    this.#complaint = ''
  }

  /** What goes wrong from now on is new trouble: said again, and not waited for as long as the old one. */
  #isWell(): void {
    this.#failures = 0
    this.#complaint = ''
    this.#world.log.info(`watching ${titleOf(this.#resource)} again`)
  }

  /** Waits a while, longer with each failure and never as long as the next replica. */
  async #recover(error: unknown): Promise<void> {
    if (error instanceof Expired || (error instanceof ApiError && error.status === 410)) {
      this.#version = ''
      return
    }
    this.#failures++
    this.#say(this.#explain(error))
    const [least, most] = BACKOFF_MS
    const backoff = Math.min(most, least * 2 ** Math.min(this.#failures, 10)) * (0.5 + this.#world.random.float())
    const wanted = error instanceof ApiError && error.retryAfterSeconds !== undefined ? error.retryAfterSeconds * 1000 : 0
    await new Promise<void>((resolve) => {
      this.#wait = this.#world.clock.after(Math.max(backoff, wanted), resolve)
    })
  }

  #explain(error: unknown): string {
    const { plural, group, whenAbsent } = this.#resource
    const title = titleOf(this.#resource)
    const text = TROUBLES[(error as NodeJS.ErrnoException).code ?? ''] ?? (error instanceof Error ? error.message : String(error))
    if (error instanceof ApiError && error.status === 401) return `listing ${title}: ${text}; the credentials are not accepted`
    if (error instanceof ApiError && error.status === 403) return `listing ${title}: ${text}; the service account needs a ClusterRole with apiGroups: ["${group}"], resources: ["${plural}"], verbs: ["list", "watch"]`
    if (error instanceof ApiError && error.status === 404 && whenAbsent !== undefined) return `listing ${title}: ${text}; ${whenAbsent}`
    return `watching ${title}: ${text}; trying again`
  }

  /** Each distinct trouble once, until things are well again. */
  #say(text: string): void {
    if (text === this.#complaint) return
    this.#complaint = text
    this.#world.log.error(text)
  }

  #selectors(): Readonly<Record<string, string | undefined>> {
    return { labelSelector: this.#resource.labelSelector, fieldSelector: this.#resource.fieldSelector }
  }
}

/** Calls `bite` once nothing has been heard for SILENCE_MS. */
class Watchdog {
  readonly #clock: Clock
  readonly #bite: () => void
  #heardMs: number
  #timer: Timer

  constructor(clock: Clock, bite: () => void) {
    this.#clock = clock
    this.#bite = bite
    this.#heardMs = clock.nowMs()
    this.#timer = clock.after(SILENCE_MS, () => this.#look())
  }

  heard(): void {
    this.#heardMs = this.#clock.nowMs()
  }

  cancel(): void {
    this.#timer.cancel()
  }

  #look(): void {
    const leftMs = this.#heardMs + SILENCE_MS - this.#clock.nowMs()
    if (leftMs <= 0) this.#bite()
    else this.#timer = this.#clock.after(leftMs, () => this.#look())
  }
}
