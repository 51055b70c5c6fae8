import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseSelector } from './selector.ts'

test('requirements as kubectl takes them', () => {
  const labels = { app: 'web', tier: 'front' }
  for (const [text, expected] of [
    ['', true], ['app=web', true], ['app==web', true], ['app=db', false], ['app!=db', true], ['other!=x', true], ['app', true], ['!app', false], ['!other', true],
    ['app in (web, db)', true], ['app notin (db)', true], ['app notin (web)', false], ['other notin (x)', true], ['other in (x)', false], ['app=web,tier=back', false], ['app in (web),tier', true],
  ] as const) assert.equal(parseSelector(text).matches(labels), expected, text)
})

test('what is no selector is refused by its part', () => {
  for (const text of ['=x', 'a b', 'a in b', 'a in (b', 'a=b=c', 'a in (-)', '!', 'a>1']) assert.throws(() => parseSelector(text), Error, text)
  assert.throws(() => parseSelector('ok=1,a b'), /"a b" is no label requirement/)
})

test('any text parses or is refused, and never by accident', () => {
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      assert.equal(typeof parseSelector(text).matches({}), 'boolean')
    } catch (error) {
      assert.equal((error as Error).constructor, Error)
    }
  }))
})
