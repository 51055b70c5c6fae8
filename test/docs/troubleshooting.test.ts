import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DocsPage } from './page.ts'

test('docs/troubleshooting.md prints what it says', async () => {
  const text = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8')
  assert.ok(await new DocsPage(text).run(['1053', '18080']) >= 4)
})
