import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ExpressionError, parseExpression, type Scope } from './expression.ts'

const value = (text: string, scope: Scope = {}) => parseExpression(text).evaluate(scope)

test('what CoreDNS evaluates', () => {
  const scope: Scope = { name: () => 'www.example.org.', type: () => 'A', list: ['a', 'b'], none: undefined, yes: true }
  for (const [text, expected] of [
    ['1 + 2 * 3', 7], ['(1 + 2) * 3', 9], ['7 % 4 - 1', 2], ['2 ** 3', 8], ['-2 + 5', 3], ['"a" + \'b\'', 'ab'], ['1 < 2 and not (2 <= 1)', true], ['yes && false || true', true],
    ['name() endsWith ".org."', true], ['name() startsWith "ftp"', false], ['name() contains "example"', true], ['name() matches "^www[.]"', true], ['type() in ["A", "AAAA"]', true], ['type() not in ["MX"]', true],
    ['none ?? "x"', 'x'], ['yes ? 1 : 2', 1], ['list[1]', 'b'], ['len(list)', 2], ['upper("a")', 'A'], ['"b" in list', true], ['name()[0:3]', 'www'],
  ] as const) assert.deepEqual(value(text, scope), expected, text)
})

test('text that is no expression, and values that do not fit, are refused', () => {
  for (const text of ['', '1 +', '(1', 'a b', '"open', '1 = 2', '[1,', 'f(', '?', '@']) assert.throws(() => parseExpression(text), ExpressionError, text)
  for (const text of ['unknown', '1 + "a"', 'unknown()', '"a" < 1', 'not 1', '"a" matches "("', '1()']) assert.throws(() => value(text), ExpressionError, text)
  assert.throws(() => parseExpression('('.repeat(5000)), ExpressionError)
})

test('arithmetic and logic as JavaScript has them', () => {
  const { number, truth } = fc.letrec((tie) => ({
    number: fc.oneof({ maxDepth: 4 }, fc.integer({ min: 0, max: 99 }).map(String), fc.tuple(tie('number'), fc.constantFrom('+', '-', '*'), tie('number')).map(([a, op, b]) => `(${String(a)} ${op} ${String(b)})`)),
    truth: fc.oneof({ maxDepth: 4 }, fc.tuple(tie('number'), fc.constantFrom('<', '<=', '==', '!='), tie('number')).map(([a, op, b]) => `(${String(a)} ${op} ${String(b)})`), fc.tuple(tie('truth'), fc.constantFrom('&&', '||'), tie('truth')).map(([a, op, b]) => `(${String(a)} ${op} ${String(b)})`)),
  }))
  fc.assert(fc.property(fc.oneof(number, truth), (text) => { assert.equal(value(String(text)), new Function(`return ${String(text)}`)()) }))
})
