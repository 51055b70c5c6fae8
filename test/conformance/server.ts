import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { corefileText, ServerCasePlayer, type ServerCase } from './server-case.ts'
import { DEVIATIONS, missingDirectives } from './scope.ts'

export interface Outcome {
  /** `group/case`. */
  readonly id: string
  readonly verdict: 'agrees' | 'differs' | 'deviates' | 'out of scope'
  /** Steps compared. */
  readonly steps: number
  readonly problems: readonly string[]
}

/** Cases in our copy of the recordings, by group. */
export function serverGroups(): Map<string, readonly ServerCase[]> {
  const groups = new Map<string, readonly ServerCase[]>()
  for (const file of globSync(fileURLToPath(new URL('server/*.json', import.meta.url))).sort()) {
    const { group, cases } = JSON.parse(readFileSync(file, 'utf8')) as { group: string; cases: ServerCase[] }
    groups.set(group, cases)
  }
  return groups
}

/** Plays a case and judges it by what deviates on purpose. A listed deviation that agrees after all is a difference: the list is stale. */
export async function judgeServerCase(group: string, spec: ServerCase, command: string): Promise<Outcome> {
  const id = `${group}/${spec.name}`
  const steps = spec.steps.filter((step) => step.expect !== undefined).length
  const files = Object.values(spec.files ?? {}).map((content) => (typeof content === 'string' ? content : ''))
  const missing = missingDirectives(corefileText(spec), files)
  if (missing.length > 0) return { id, verdict: 'out of scope', steps, problems: [`needs ${missing.join(', ')}`] }
  const found = await new ServerCasePlayer(spec, command).play()
  const listed = Object.keys(DEVIATIONS).filter((key) => key === id || key.startsWith(`${id}/`))
  const open = found.filter((problem) => !listed.includes(id) && !listed.includes(`${id}/${problem.step}`))
  const stale = listed.filter((key) => (key === id ? found.length === 0 : !found.some((problem) => key === `${id}/${problem.step}`)))
  const problems = [...open.map((problem) => `step ${problem.step}: ${problem.text}`), ...stale.map((key) => `${key} is listed as a deviation but agrees`)]
  return { id, verdict: problems.length > 0 ? 'differs' : listed.length > 0 ? 'deviates' : 'agrees', steps, problems }
}
