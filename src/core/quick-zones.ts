import { countLabels, lowerName, nameToWire, type Name } from '../wire/name.ts'
import type { QuickQuestion } from './quick-question.ts'

interface WireZone<T> {
  readonly bytes: Uint8Array
  readonly labels: number
  readonly value: T
}

/** Zones in wire form, each with what it stands for: the octets' form of `matchZone`. */
export class QuickZones<T> {
  readonly #zones: readonly WireZone<T>[]

  constructor(zones: Iterable<readonly [Name, T]>) {
    this.#zones = [...zones]
      .map(([zone, value]) => ({ bytes: nameToWire(lowerName(zone)), labels: countLabels(zone), value }))
      .sort((a, b) => b.labels - a.labels)
  }

  /** What the longest zone that holds the question's name stands for. */
  match(question: QuickQuestion): T | undefined {
    for (let i = 0; i < this.#zones.length; i++) {
      const zone = this.#zones[i]!
      if (holds(zone, question)) return zone.value
    }
    return undefined
  }
}

function holds({ bytes, labels }: { readonly bytes: Uint8Array; readonly labels: number }, question: QuickQuestion): boolean {
  if (labels === 0) return true
  const { name, nameLength, labelCount } = question
  const start = nameLength - bytes.length
  if (labels > labelCount || question.labels[labelCount - labels] !== start) return false
  for (let i = 0; i < bytes.length; i++) if (name[start + i] !== bytes[i]) return false
  return true
}
