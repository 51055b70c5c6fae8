import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { DocsPage } from './page.ts'

test('docs/quick-start.md prints what it says', async () => {
  const text = readFileSync(new URL('../../docs/quick-start.md', import.meta.url), 'utf8')
  assert.ok(await new DocsPage(text).run(['1053', '9154', '18080', '18181']) >= 5)
})
