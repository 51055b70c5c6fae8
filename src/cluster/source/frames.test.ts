import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { framesOf } from './frames.ts'

async function collect(chunks: readonly Uint8Array[]): Promise<string[]> {
  const frames: string[] = []
  for await (const frame of framesOf((async function* () { yield* chunks })())) frames.push(frame.toString())
  return frames
}

function framed(text: string): Buffer {
  const octets = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(octets.length)
  return Buffer.concat([length, octets])
}

test('frames are the same however the stream is cut', async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.string({ maxLength: 40 }), { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), async (texts, sizes) => {
    const bytes = Buffer.concat(texts.map(framed))
    const chunks: Buffer[] = []
    for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length]!) chunks.push(bytes.subarray(at, at + sizes[i % sizes.length]!))
    assert.deepEqual(await collect(chunks), texts)
  }))
})

test('a frame longer than any object is refused before it is held', async () => {
  await assert.rejects(collect([Buffer.from([0x7f, 0xff, 0xff, 0xff])]), /a frame of 2147483647 octets/)
})

test('what comes after the last whole frame is dropped', async () => {
  assert.deepEqual(await collect([framed('a'), Buffer.from([0, 0, 0, 9, 1])]), ['a'])
})
