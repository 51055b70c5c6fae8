import { readFileSync } from 'node:fs'
import { DIRECTIVE_ORDER } from '../../src/corefile/directives.ts'
import { PLUGINS } from '../../src/plugins/index.ts'

const OURS = new Set(PLUGINS.map((plugin) => plugin.name))

/** The directives of CoreDNS in a Corefile that this program does not have: such cases are out of scope. */
export function missingDirectives(corefile: string, files: readonly string[] = []): string[] {
  const words = new Set([corefile, ...files].flatMap((text) => text.split('\n').map((line) => line.trim().split(/\s+/)[0] ?? '')))
  const schemes = [...corefile.matchAll(/(?:^|\s)(grpc|quic|https3):\/\/\S*\s*\{/g)].map((match) => `${match[1]}://`)
  return [...[...words].filter((word) => DIRECTIVE_ORDER.includes(word) && !OURS.has(word)), ...schemes]
}

/** Cases that differ on purpose: id of the step (`group/case/step`) or case → reason. */
export const DEVIATIONS: Readonly<Record<string, string>> = JSON.parse(readFileSync(new URL('deviations.json', import.meta.url), 'utf8')) as Record<string, string>
