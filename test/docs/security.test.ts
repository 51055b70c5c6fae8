import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DocsPage } from './page.ts'

test('docs/security.md prints what it says', async () => {
  const text = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
  assert.ok(await new DocsPage(text).run(['1053', '9154', '18080']) >= 5)
})
