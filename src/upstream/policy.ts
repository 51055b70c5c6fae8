import type { Random } from '../core/env.ts'

export const POLICIES = ['random', 'round_robin', 'sequential'] as const
export type PolicyName = (typeof POLICIES)[number]

/** In which order upstreams are tried; each call is one query's order. */
export type Policy<T> = (upstreams: readonly T[]) => readonly T[]

export function makePolicy<T>(name: PolicyName, random: Random): Policy<T> {
  if (name === 'sequential') return (upstreams) => upstreams
  if (name === 'random') return (upstreams) => shuffled(upstreams, random)
  let turn = 0
  return (upstreams) => {
    turn = (turn + 1) % upstreams.length
    return [upstreams[turn]!, ...upstreams.filter((_, i) => i !== turn)]
  }
}

export function shuffled<T>(values: readonly T[], random: Random): T[] {
  const result = [...values]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random.float() * (i + 1))
    const held = result[i]!
    result[i] = result[j]!
    result[j] = held
  }
  return result
}
