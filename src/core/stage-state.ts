/** What a stage shows of itself on the status page, by kind. */
export type StageState = CacheState | UpstreamsState | ClusterState

export interface CacheState {
  readonly kind: 'cache'
  readonly zones: readonly string[]
  readonly success: StoreState
  readonly denial: StoreState
}

export interface StoreState {
  readonly entries: number
  readonly capacity: number
}

export interface UpstreamsState {
  readonly kind: 'upstreams'
  /** Zone that goes to them. */
  readonly from: string
  readonly policy: string
  readonly upstreams: readonly UpstreamState[]
}

export interface UpstreamState {
  readonly to: string
  readonly down: boolean
  readonly asked: number
  readonly failed: number
  /** Of answers, with the recent ones weighing more; undefined before the first. */
  readonly latencyMs: number | undefined
}

export interface ClusterState {
  readonly kind: 'cluster'
  readonly zones: readonly string[]
  readonly source: string
  readonly synced: boolean
  /** Since the last change that DNS can see; undefined before any. */
  readonly changedSecondsAgo: number | undefined
  readonly counts: Readonly<Record<string, number>>
}

/** One entry of a cache, for people who look for it. */
export interface CachedAnswer {
  readonly name: string
  readonly type: string
  readonly rcode: string
  readonly store: 'success' | 'denial'
  /** 0 or less: stale. */
  readonly ttlLeft: number
  readonly ttl: number
  readonly hits: number
  readonly records: number
}
