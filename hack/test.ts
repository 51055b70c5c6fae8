/** Runs the test files given, or all of them, prints what fails, and closes with one count. */
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

const given = process.argv.slice(2)
const files = given.length > 0 ? given : globSync(['src/**/*.test.ts', 'cmd/**/*.test.ts', 'hack/**/*.test.ts', 'test/**/*.test.ts']).sort()
/** Takes longest, so it begins first. */
const LONGEST = 'test/conformance/conformance.test.ts'
/** What bars for a quiet machine are held by: run one by one, when all else is done. */
const alone = files.filter((file) => file.includes('test/netns/'))
const counts = { passed: 0, failed: 0, skipped: 0 }
const skips = new Set<string>()

// Tests wait for programs and clocks more than they compute.
await runAll(files.filter((file) => !alone.includes(file)).sort((a, b) => Number(b === LONGEST) - Number(a === LONGEST)), availableParallelism() + 1)
await runAll(alone, 1)
for (const skip of skips) process.stdout.write(`${skip}\n`)
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1)

async function runAll(some: readonly string[], concurrency: number): Promise<void> {
  if (some.length === 0) return
  const stream = run({ files: [...some], concurrency, timeout: 600_000 })
  stream.on('test:pass', (event) => {
    if (event.details.type === 'suite') return
    if (event.skip !== undefined) {
      counts.skipped++
      skips.add(`skipped: ${event.name}: ${String(event.skip)}`)
    } else counts.passed++
  })
  stream.on('test:fail', (event) => {
    if (event.details.type !== 'suite') counts.failed++
  })
  for await (const text of stream.compose(new spec())) process.stdout.write(String(text))
}
