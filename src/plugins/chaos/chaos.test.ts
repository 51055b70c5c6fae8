import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines, testServer } from '../../../test/support/world.ts'
import { chaosPlugin } from './index.ts'

test('authors come in random order, each once', async () => {
  const server = await testServer('. {\n chaos v b a c a\n}', { plugins: [chaosPlugin], random: [0.9, 0.5, 0] })
  assert.deepEqual(lines((await server.ask('AUTHORS.bind. CH TXT'))!.answers), ['AUTHORS.bind. 0 CH TXT "c"', 'AUTHORS.bind. 0 CH TXT "b"', 'AUTHORS.bind. 0 CH TXT "a"'])
})

test('a text is cut to 255 octets, between characters', async () => {
  const server = await testServer(`. {\n chaos ${'é'.repeat(200)}\n}`, { plugins: [chaosPlugin] })
  const [record] = (await server.ask('version.bind. CH TXT'))!.answers
  assert.deepEqual([record!.rdata[0], Buffer.from(record!.rdata.subarray(1)).toString()], [254, 'é'.repeat(127)])
})

test('names of no meaning, and other types, go on', async () => {
  const server = await testServer('. {\n chaos v\n}', { plugins: [chaosPlugin] })
  for (const question of ['constructor. CH TXT', 'version.bind. CH A', 'version.bind. TXT']) assert.equal((await server.ask(question))!.rcode, 2, question)
})
