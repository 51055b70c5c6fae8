/** Runs fuzz targets for some time: `run.ts SECONDS [TARGET]`. A failure prints the number and the input that made it. */
import { TARGETS, type Target } from './targets.ts'
import { Mutator } from './mutate.ts'

/** An input may take so much of the processor; a slower one is a finding too. A busy machine makes no input slow. */
const SLOW_MS = 500

/** Throws with the input when the target misbehaves. */
export function fuzz(target: Target, number: number): void {
  const seeds = target.seeds.map((seed) => (typeof seed === 'string' ? Buffer.from(seed) : seed))
  const input = Uint8Array.from(new Mutator(number).mutate(seeds[number % seeds.length]!))
  const before = process.threadCpuUsage()
  try {
    target.run(input)
  } catch (error) {
    throw new Error(`${target.name}, input ${number}: ${JSON.stringify(Buffer.from(input).toString('latin1'))}`, { cause: error })
  }
  const used = process.threadCpuUsage(before)
  const took = (used.user + used.system) / 1000
  if (took > SLOW_MS) throw new Error(`${target.name}, input ${number} took ${took.toFixed(0)} ms: ${JSON.stringify(Buffer.from(input).toString('latin1'))}`)
}

if (import.meta.main) {
  const [seconds = '60', only = ''] = process.argv.slice(2)
  const chosen = TARGETS.filter((target) => target.name.includes(only))
  const counts = new Map(chosen.map((target) => [target.name, 0]))
  const first = Date.now() >>> 0
  for (let number = first, end = Date.now() + Number(seconds) * 1000; Date.now() < end; number++) {
    for (const target of chosen) {
      fuzz(target, number)
      counts.set(target.name, counts.get(target.name)! + 1)
    }
  }
  for (const [name, count] of counts) process.stdout.write(`${name}: ${count} inputs\n`)
}
