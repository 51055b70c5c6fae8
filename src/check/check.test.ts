import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { findings } from '../../test/support/check.ts'
import { readConfigMaps } from './config-map.ts'
import type { Finding } from './finding.ts'
import { formatReport } from './report.ts'
import { plainSource, rewrittenSource } from './source.ts'

const WELL = '.:53 {\n errors\n health\n ready\n kubernetes cluster.local in-addr.arpa ip6.arpa\n forward . 10.0.0.1\n cache 30\n reload\n loop\n}\n'

const errorsOf = (found: readonly Finding[]) => found.filter((finding) => finding.severity === 'error').map(({ line, column, code, message }) => `${line}:${column} ${code}: ${message}`)

describe('check', () => {
  test('has nothing to say of a Corefile that is well', () => {
    assert.deepEqual(findings(WELL), [])
  })

  test('finds all mistakes at once, in several directives and within one', () => {
    const found = findings('.:53 {\n cache {\n  sucess 1\n  denial 0\n  prefetch x\n }\n helth\n forward . nope/ {\n  policy fastest\n }\n}\nb:77777 {\n}\n')
    assert.deepEqual(errorsOf(found), [
      '3:3 unknown-property: cache: unknown property \'sucess\'',
      '4:10 bad-value: cache: denial: capacity must be at least 1, got 0',
      '5:12 bad-value: cache: prefetch: "x" is not a whole number',
      '7:2 unknown-directive: Unknown directive \'helth\'',
      '9:10 bad-value: forward: policy: unknown policy \'fastest\'',
      '12:1 syntax: port 77777 is above 65535',
    ])
  })

  test('an option that needs another is not called wrong where the other stands', () => {
    assert.deepEqual(errorsOf(findings('. {\n cache {\n  serve_stale\n  serve_stale_policy prefer_positive\n  denial 0\n }\n}')), ['5:10 bad-value: cache: denial: capacity must be at least 1, got 0'])
  })

  test('mistakes of syntax, and two blocks that claim one zone', () => {
    assert.match(errorsOf(findings('. {\n cache\n'))[0]!, /^2:2 syntax: .*the server block opened at line 1 is not closed/)
    assert.match(errorsOf(findings('a. {\n whoami\n}\na. {\n whoami\n}\n'))[0]!, /^4:1 syntax: cannot serve dns:\/\/a\.:53 - it is already defined/)
  })

  test('a mistake in an imported file stands there, with its line', () => {
    const [error] = findings('. {\n import more\n}\n', { more: 'errors\ncache 0\n' }).filter((finding) => finding.severity === 'error')
    assert.deepEqual({ file: error!.file, line: error!.line, column: error!.column, text: error!.text }, { file: 'more', line: 2, column: 7, text: 'cache 0' })
  })

  test('an import that fails, and a mistake of syntax, hide no other mistake before them', () => {
    assert.deepEqual(errorsOf(findings('. {\n helth\n import nothere\n cache 0\n}\n')), [
      '2:2 unknown-directive: Unknown directive \'helth\'',
      '3:9 bad-value: import: File to import not found: nothere',
      '4:8 bad-value: cache: cache TTL can not be zero or negative: 0',
    ])
    assert.deepEqual(errorsOf(findings('. {\n helth\n etcd\n cache {\n')).map((line) => line.split(':').slice(0, 2).join(':')), ['2:2 unknown-directive', '3:2 unknown-directive', '4:8 syntax'])
  })

  test('what the parser passes over is a warning', () => {
    assert.deepEqual(findings(`${WELL}}\n`).map(({ line, code, severity }) => `${line} ${code} ${severity}`), ['11 syntax warning'])
  })

  test('remedies come from the error, else from the option\'s row', () => {
    const remedies = findings('. {\n cache {\n  sucess 1\n  denial 0\n }\n}').filter((finding) => finding.severity === 'error').map((finding) => finding.remedy)
    assert.equal(remedies[0], 'did you mean "success"?')
    assert.match(remedies[1]!, /^write "denial CAPACITY \[TTL \[MINTTL\]\]": store of denials/)
  })

  test('never throws, whatever the text', () => {
    const words = fc.constantFrom('.', '.:53', '{', '}', '\n', ' ', 'cache', 'forward', '. 127.0.0.1', 'bind', 'eth9', 'import x', 'kubernetes', 'pods verified', '"', '#', 'template', 'IN A', '{$A}')
    fc.assert(fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
      for (const finding of findings(parts.join(' '))) assert.ok(finding.line >= 1 && finding.column >= 1)
    }), { numRuns: 300 })
  })
})

describe('check of ConfigMaps', () => {
  const yaml = 'apiVersion: v1\nkind: List\nitems:\n- kind: ConfigMap\n  data:\n    Corefile: |\n\n      .:53 {\n          cache 0\n      }\n    quoted.server: "a. {\\n cache 0\\n}"\n    more: "errors"\n'

  test('positions lead back into the YAML', () => {
    const { sources, others } = readConfigMaps('cm.yaml', yaml)
    assert.deepEqual([...others], [['more', 'errors']])
    const [block, quoted] = sources.map((source) => findings(source).find((finding) => finding.severity === 'error')!)
    assert.deepEqual([block!.file, block!.line, block!.column, block!.text], ['cm.yaml', 9, 17, '          cache 0'])
    assert.deepEqual([quoted!.file, quoted!.line, quoted!.text], ['cm.yaml', 11, ' cache 0'])
  })

  test('YAML that is none, and aliases that multiply, are findings or errors, not a crash', () => {
    assert.equal(readConfigMaps('x.yaml', 'a: [\n').errors[0]!.code, 'yaml')
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (text) => { readConfigMaps('x.yaml', `kind: ConfigMap\ndata:\n  Corefile: |\n    ${text}`) }))
  })
})

describe('check of templates', () => {
  test('columns lead back behind a variable', () => {
    const source = rewrittenSource(plainSource('base', '. {\n bind __LOCAL__ eth-wrong-and-long\n}'), (text) => text.replace('__LOCAL__', '169.254.20.10 10.0.0.1'))
    const [error] = findings(source).filter((finding) => finding.severity === 'error')
    assert.deepEqual([error!.line, error!.column, error!.text], [2, 17, ' bind __LOCAL__ eth-wrong-and-long'])
  })
})

describe('the report of check', () => {
  const found = findings('.:53 {\n\tcache 0\n}')

  test('text: the line, a caret under the word however wide tabs are, and what to do', () => {
    assert.match(formatReport(found, ['Corefile'], 'text'), /^Corefile:2:8: error: cache: cache TTL can not be zero or negative: 0 \[bad-value\]$/m)
    assert.match(formatReport(found, ['Corefile'], 'text'), / {4}2 \| \tcache 0\n {6}\| \t {6}\^/)
  })

  test('json and github', () => {
    const report = JSON.parse(formatReport(found, ['Corefile'], 'json')) as { errors: number; warnings: number; findings: Finding[] }
    assert.deepEqual(report.findings, found)
    assert.equal(report.errors + report.warnings, found.length)
    const lines = formatReport([{ ...found[0]!, message: 'a\nb%' }], ['Corefile'], 'github')
    assert.match(lines, /^::(error|warning) file=Corefile,line=\d+,col=\d+,title=[\w-]+::a%0Ab%25; [^\n]+\n$/)
  })
})
