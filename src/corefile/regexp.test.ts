import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileGoRegexp } from './regexp.ts'

test('what Go has and JavaScript writes otherwise', () => {
  for (const [pattern, text, expected] of [
    ['(?i)ABC', 'xabcx', true], ['(?P<a>x)(?P<b>y)', 'xy', true], ['\\Aabc\\z', 'abc', true], ['\\Aabc\\z', 'abcd', false], ['^a$', 'b\na', false], ['[[:alpha:]]+', '1', false], ['[[:digit:]]', '1', true],
    ['a{2,3}', 'aa', true], ['(?s)a.b', 'a\nb', true], ['\\.', '.', true], ['(?:a|b)c', 'bc', true],
  ] as const) assert.equal(compileGoRegexp(pattern).test(text), expected, `${pattern} on ${JSON.stringify(text)}`)
})

test('what Go refuses is refused, and what can run for ever', () => {
  for (const pattern of ['(', '[', '(?=a)', '(?!a)', '(?<=a)', '(a)\\1', 'a**', `${'a'.repeat(10_001)}`]) assert.throws(() => compileGoRegexp(pattern), Error, pattern.slice(0, 20))
  assert.throws(() => compileGoRegexp('(a+)+b{1,40}$'), /can take for ever/)
})

test('patterns on which backtracking explodes end', () => {
  // Each would take longer than the age of the universe.
  for (const pattern of ['(a+)+$', '(a*)*b', '([a-z]+)*x', '(a|a)*b', '^(?P<n>a|aa)+$', '(?i)^(a|b|ab)*c$']) {
    assert.equal(compileGoRegexp(pattern).test(`${'a'.repeat(250)}!`), false, pattern)
  }
})

test('any text compiles or is refused', () => {
  fc.assert(fc.property(fc.string({ maxLength: 30 }), (pattern) => {
    try {
      compileGoRegexp(pattern).test('www.example.org.')
    } catch (error) {
      assert.ok(error instanceof Error)
    }
  }), { numRuns: 2000 })
})
