import type { Plugin } from '../core/plugin.ts'
import { ConfigError } from '../corefile/error.ts'
import type { Corefile, Directive, Line, Token } from '../corefile/tree.ts'
import { Generation } from '../server/generation.ts'
import { openOfflineWorld, type OfflineWorld } from './world.ts'

/** Options of `kubernetes` that say where objects come from. */
const SOURCES = new Set(['objects', 'endpoint', 'tls', 'kubeconfig'])

export interface OfflineProgram {
  readonly generation: Generation
  readonly world: OfflineWorld
}

/**
 * All of a configuration's stages, started, without a listener: they answer, ask upstreams, and read the folders of manifests in place
 * of an API server. Throws ConfigError.
 */
export async function startOffline(corefile: Corefile, manifests: readonly string[], plugins: ReadonlyMap<string, Plugin>): Promise<OfflineProgram> {
  const world = openOfflineWorld()
  const blocks = corefile.blocks().map((block) => ({ ...block, directives: block.directives.map((directive) => (directive.name === 'kubernetes' ? withManifests(directive, manifests) : directive)) }))
  const generation = new Generation({ ...corefile, blocks: () => blocks }, plugins, world, {
    metrics: world.metrics,
    echoed: world.echoed,
    selfProbe: { answer: () => undefined },
    traffic: { answered: () => undefined, answeredQuickly: () => undefined, answeredLater: () => undefined }, quickFailed: () => undefined, packets: undefined,
    unsendable: (q, error) => world.log.error(`reply to ${q.asked.name} cannot be encoded: ${String(error)}`),
  })
  await generation.start()
  return { generation, world }
}

function withManifests(directive: Directive, manifests: readonly string[]): Directive {
  if (manifests.length > 0) return { ...directive, lines: directive.lines.map((line) => withObjects(line, manifests)) }
  const reads = directive.lines.some((line) => line.block?.some((option) => option.token.text === 'objects') === true)
  if (!reads) throw new ConfigError(directive.token, 'kubernetes', 'asks an API server, which explain does not without a running program; name folders of manifests with --objects')
  return directive
}

function withObjects(line: Line, manifests: readonly string[]): Line {
  const word = (text: string): Token => ({ ...line.token, text })
  const kept = (line.block ?? []).filter((option) => !SOURCES.has(option.token.text))
  return { ...line, block: [...kept, { token: word('objects'), args: manifests.map(word) }] }
}
