import type { Random } from '../core/env.ts'

export const POLICIES = ['random', 'round_robin', 'sequential'] as const
export type PolicyName = (typeof POLICIES)[number]

/** In which order upstreams are tried; each call is one query's order. */
export type Policy<T> = (upstreams: readonly T[]) => readonly T[]

/** `cost`: what a further question would wait, for the policy `random`, which takes the better of two random choices first. */
export function makePolicy<T>(name: PolicyName, random: Random, cost: (upstream: T) => number): Policy<T> {
  if (name === 'sequential') return (upstreams) => upstreams
  if (name === 'random') return (upstreams) => (upstreams.length === 1 ? upstreams : betterOfTwo(shuffled(upstreams, random), cost))
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

/** Two choices spread load nearly as well as knowing all, and do not send everybody to the one that looks best. */
function betterOfTwo<T>(order: T[], cost: (upstream: T) => number): T[] {
  const [first, second] = [order[0]!, order[1]!]
  if (cost(second) < cost(first)) {
    order[0] = second
    order[1] = first
  }
  return order
}
