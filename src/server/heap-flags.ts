import { parseBytes } from './memory-budget.ts'

/** What JavaScript's heap may be of the budget, garbage and young generation included; the images' entry points give a percentage. */
const HEAP_SHARE = 0.5
/** Below this nothing runs. */
const HEAP_LEAST_MIB = 32
/** The young generation is three semi-spaces, each of this size unless Node is told otherwise. */
const SEMI_SPACES = 3
const SEMI_SPACE_MIB = 16
const MIB = 1024 * 1024
const LIMIT = '--max-old-space-size='
const SEMI_SPACE = '--max-semi-space-size='
const PERCENTAGE = '--max-old-space-size-percentage='

/** The flags that Node should have been started with; undefined when it was, or when there is no budget to keep to. */
export function heapFlags(given: readonly string[], args: readonly string[], limitBytes: number): string[] | undefined {
  // A subcommand looks at something and ends.
  if (args[0] !== undefined && !args[0].startsWith('-')) return undefined
  if (given.some((flag) => flag.startsWith(LIMIT))) return undefined
  const asked = budgetOf(args)
  if (asked === undefined && given.some((flag) => flag.startsWith(PERCENTAGE))) return undefined
  const bytes = asked ?? limitBytes
  if (bytes === Infinity) return undefined
  return [`${LIMIT}${heapLimitMib(bytes, given)}`, ...given.filter((flag) => !flag.startsWith(PERCENTAGE))]
}

/** V8's limit for the old generation, beside the young one that `flags` make. */
export function heapLimitMib(budgetBytes: number, flags: readonly string[]): number {
  const semiSpaceMib = Number(flags.find((flag) => flag.startsWith(SEMI_SPACE))?.slice(SEMI_SPACE.length) ?? SEMI_SPACE_MIB)
  return Math.max(HEAP_LEAST_MIB, Math.floor((budgetBytes * HEAP_SHARE) / MIB) - SEMI_SPACES * semiSpaceMib)
}

/** What `-memory-budget` says among arguments that nobody has looked at yet; undefined when it does not, or says nothing that can be read. */
export function budgetOf(args: readonly string[]): number | undefined {
  for (const [i, arg] of args.entries()) {
    const [, value] = /^--?memory-budget(?:=(.*))?$/.exec(arg) ?? []
    if (value !== undefined) return parseBytes(value)
    if (/^--?memory-budget$/.test(arg)) return parseBytes(args[i + 1] ?? '')
  }
  return undefined
}
