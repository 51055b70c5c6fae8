import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfigMaps } from './config-map.ts'

test('aliases that lead nowhere, or multiply, are findings and not exceptions', () => {
  const nowhere = readConfigMaps('a.yaml', 'apiVersion: v1\nkind: ConfigMap\ndata:\n  Corefile: *none\n')
  assert.match(nowhere.errors[0]!.message, /Unresolved alias/)
  assert.equal(nowhere.errors[0]!.line, 1)
  const doubling = ['kind: ConfigMap', 'a: &a0 [x]', ...Array.from({ length: 30 }, (_, i) => `b${i}: &a${i + 1} [*a${i}, *a${i}]`)].join('\n')
  assert.match(readConfigMaps('a.yaml', doubling).errors[0]!.message, /Excessive alias count/)
})

test('the documents around a broken one are read', () => {
  const read = readConfigMaps('a.yaml', 'kind: ConfigMap\ndata: *none\n---\nkind: ConfigMap\ndata:\n  Corefile: |\n    . {\n    }\n')
  assert.equal(read.errors.length, 1)
  assert.deepEqual(read.sources.map((source) => source.text), ['. {\n}\n'])
})
