import { ConfigError } from '../../corefile/error.ts'
import { ClusterHub, type ClusterFeed } from '../../cluster/hub.ts'
import { describeSource } from '../../cluster/source/choice.ts'
import { openSource, sourceKey } from '../../cluster/source/open.ts'
import type { SourceChoice, Wanted } from '../../cluster/source/source.ts'
import type { Token } from '../../corefile/tree.ts'
import type { Env } from '../../core/env.ts'
import type { ClusterState } from '../../core/stage-state.ts'
import type { Name } from '../../wire/name.ts'

export interface NodePodsOptions {
  readonly source: SourceChoice
  /** Undefined: the environment says it. */
  readonly node: string | undefined
}

/** The Pods of one node, by a watch on no others: who it is that asks here. */
export class NodePods {
  readonly #env: Env
  readonly #options: NodePodsOptions
  readonly #token: Token
  readonly #hub: ClusterHub
  #key = ''
  #feed: ClusterFeed | undefined
  #node = ''

  constructor(env: Env, options: NodePodsOptions, token: Token) {
    this.#env = env
    this.#options = options
    this.#token = token
    this.#hub = env.shared('cluster hub', () => new ClusterHub(env.clock))
  }

  /** Does not wait for Pods: until they are known nobody is one. */
  async start(): Promise<void> {
    const { source, node } = this.#options
    this.#node = node ?? this.#env.host.environment('NODE_NAME') ?? ''
    if (this.#node === '') {
      throw new ConfigError(this.#token, 'autopath', '@pods needs the name of this node; set the environment variable NODE_NAME (fieldRef: spec.nodeName), or write node NAME')
    }
    const wanted: Wanted = { kinds: ['Pod'], labels: undefined, namespaceLabels: undefined, node: this.#node }
    const key = sourceKey(source, wanted)
    try {
      this.#feed = await this.#hub.acquire(key, () => openSource(source, wanted, this.#env))
    } catch (error) {
      throw new ConfigError(this.#token, 'autopath', `@pods: ${error instanceof Error ? error.message : String(error)}`)
    }
    this.#key = key
  }

  stop(): void {
    if (this.#key !== '') this.#hub.release(this.#key)
  }

  /** Whether a Pod with this address is in the namespace. Several on the host's network share one. */
  live(address: string, namespace: string): boolean {
    return this.#feed!.index.podsOf(address).some((pod) => pod.namespace.toLowerCase() === namespace)
  }

  /** Who has the address, for people. */
  describe(address: string): string {
    const pods = this.#feed!.index.podsOf(address).map((pod) => `${pod.namespace}/${pod.name}`)
    if (pods.length > 0) return pods.join(' ')
    return this.#feed!.source.synced ? `no Pod of ${this.#node}` : 'not known yet: the API server has not told the Pods'
  }

  state(zones: readonly Name[]): ClusterState {
    const { index, source } = this.#feed!
    return {
      kind: 'cluster', zones, synced: source.synced, counts: index.counts,
      source: `${describeSource(this.#options.source)}, Pods of ${this.#node}`,
      changedSecondsAgo: index.serial === 0 ? undefined : Math.max(0, Math.floor(this.#env.clock.wallMs() / 1000) - index.serial),
    }
  }
}
