import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { FATES, fateOf, HAPPENINGS, STATE, thingsThat } from './state-table.ts'

const PAGE = new URL('../../docs/node-state.md', import.meta.url)
const BEGIN = '<!-- the table of src/node/state-table.ts -->\n'
const END = '<!-- its end -->\n'

test('docs/node-state.md shows the table', () => {
  const page = readFileSync(PAGE, 'utf8')
  const head = page.slice(0, page.indexOf(BEGIN) + BEGIN.length)
  const tail = page.slice(page.indexOf(END))
  const wanted = head + formatTable() + tail
  // HEARTH_WRITE_DOCS=1 brings the page up to date.
  if (process.env['HEARTH_WRITE_DOCS'] !== undefined) writeFileSync(PAGE, wanted)
  assert.equal(readFileSync(PAGE, 'utf8'), wanted)
})

test('what one agent makes ends: by it, by its twin, by the kernel, by time or by cleanup', () => {
  for (const row of STATE) {
    const ends = (['SIGTERM', 'SIGKILL', 'cleanup'] as const).map((happening) => fateOf(row, happening, false))
    assert.ok(ends.some((fate) => !FATES[fate].there), row.thing)
    assert.ok(!FATES[fateOf(row, 'cleanup', false)].there, `${row.thing} after cleanup`)
  }
})

test('while a twin is well, nothing that it needs goes', () => {
  for (const row of STATE) {
    for (const happening of HAPPENINGS.filter((each) => each !== 'start' && each !== 'ready')) {
      if (row.perInstance || happening === 'cleanup') continue
      assert.ok(FATES[fateOf(row, happening, true)].there, `${row.thing} at ${happening}`)
    }
  }
})

test('an agent that leaves gives queries away before it stops answering', () => {
  assert.deepEqual(thingsThat('SIGTERM', false, 'withdrawn'), ['lease', 'queries untracked'])
  assert.deepEqual(thingsThat('SIGTERM', false, 'removed').slice(0, 2), ['answers untracked', 'accept rules'])
  assert.deepEqual(thingsThat('SIGTERM', true, 'removed'), ['answers untracked', 'sockets', 'presence'])
  assert.deepEqual(thingsThat('start', false, 'made'), ['presence', 'address', 'sockets'])
})

function formatTable(): string {
  const rows = STATE.flatMap((row) => row.subjects.map((subject) => [row.thing, subject, ...HAPPENINGS.map((happening) => {
    const [alone, twin] = [fateOf(row, happening, false), fateOf(row, happening, true)]
    return alone === twin ? alone : `${alone} / ${twin}`
  })]))
  return [
    ...table(['', 'for', ...HAPPENINGS], rows),
    '',
    ...table(['', 'where', 'who makes it', 'who renews it', 'what ends it'], STATE.map((row) => [row.thing, row.where, row.madeBy, row.renewedBy, row.endedBy])),
    '',
    ...table(['word', 'means'], Object.entries(FATES).map(([fate, { text }]) => [fate, text])),
    '',
  ].join('\n')
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}
