import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TEMPLATE_FUNCTIONS } from './functions.ts'
import { parseTemplate, TemplateError } from './go-template.ts'

const DATA = { Name: 'a.example.', Group: { n: '7', '1': '7' }, Match: ['a', '7'], List: ['x', 'y'], Zero: 0, Empty: '' }
const render = (text: string) => parseTemplate(text, TEMPLATE_FUNCTIONS).execute(DATA)

test('what records are made of', () => {
  for (const [text, expected] of [
    ['{{ .Name }} 60 IN A 10.0.0.{{ .Group.n }}', 'a.example. 60 IN A 10.0.0.7'], ['{{ index .Match 1 }}', '7'], ['{{ if .Empty }}a{{ else if eq .Zero 0 }}b{{ else }}c{{ end }}', 'b'],
    ['{{ range $i, $x := .List }}{{ $i }}{{ $x }}{{ end }}', '0x1y'], ['{{ with .Name }}{{ . }}{{ end }}', 'a.example.'], ['a {{- " b " -}} c', 'a b c'], ['{{/* no */}}x', 'x'],
    ['{{ printf "%03d-%s-%x" 5 "ab" 255 }}', '005-ab-ff'], ['{{ len .List | print }}', '2'], ['{{ and .Name .Empty }}|{{ or .Empty .Name }}|{{ not .Empty }}', '|a.example.|true'], ['{{ parseInt "ff" 16 8 }}', '255'],
    ['{{ $v := 1 }}{{ if true }}{{ $v = 2 }}{{ end }}{{ $v }}', '2'], ['{{ ne 1 2 }} {{ lt 1 2 }} {{ ge 1 2 }}', 'true true false'], ['{{ "a\\"b" }}{{ `c\\d` }}', 'a"bc\\d'],
  ] as const) assert.equal(render(text), expected, text)
})

test('text that is no template, and templates that fail, are refused', () => {
  for (const text of ['{{', '{{ .Name', '{{ if }}', '{{ end }}', '{{ if .A }}', '{{ nothing }}', '{{ else }}', '{{ range .List }}', '{{ "open }}']) assert.throws(() => parseTemplate(text, TEMPLATE_FUNCTIONS), TemplateError, text)
  for (const text of ['{{ index .Match 9 }}', '{{ .Name.Nothing }}', '{{ parseInt "x" 10 8 }}', '{{ lt 1 "a" }}', '{{ index .Zero 1 }}']) assert.throws(() => render(text), TemplateError, text)
})

test('text without actions is itself', () => {
  fc.assert(fc.property(fc.string().filter((text) => !text.includes('{{')), (text) => { assert.equal(render(text), text) }))
})

test('a range without end is stopped', () => {
  const nested = '{{ range .List }}'.repeat(14) + 'x' + '{{ end }}'.repeat(14)
  assert.throws(() => render(nested.replaceAll('.List', '$.List')), TemplateError)
})
