import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { linesOf } from './lines.ts'

async function collect(chunks: readonly Uint8Array[]): Promise<string[]> {
  const lines: string[] = []
  for await (const line of linesOf((async function* () { yield* chunks })())) lines.push(line)
  return lines
}

test('lines are the same however the stream is cut', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n')), { maxLength: 8 }), fc.integer({ min: 1, max: 9 }), async (lines, size) => {
    const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(''))
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
    assert.deepEqual(await collect(chunks), lines)
  }))
})

test('a last line needs no break, and a line without end is refused', async () => {
  assert.deepEqual(await collect([Buffer.from('a\n\nb')]), ['a', 'b'])
  const chunk = Buffer.alloc(1024 * 1024, 'x')
  await assert.rejects(collect(Array.from({ length: 17 }, () => chunk)), /a line of more than 16777216 octets/)
})
