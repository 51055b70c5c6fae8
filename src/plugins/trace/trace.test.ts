import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DONE, type Plugin } from '../../core/plugin.ts'
import type { ChildSpan, SpanEnd } from '../../core/spans.ts'
import { scripted, testServer } from '../../../test/support/world.ts'
import { nsidPlugin } from '../nsid/index.ts'
import { hostsPlugin } from '../hosts/index.ts'
import { tracePlugin } from './index.ts'

const answered = scripted((q) => {
  q.begin()
  return DONE
})

/** The directive with a sink that is read back. */
function traced(ends: SpanEnd[]): Plugin {
  return { ...tracePlugin, parse: (directive, context) => {
    const { build } = tracePlugin.parse(directive, context)
    return { build: (env) => build!({ ...env, spans: { open: () => Promise.resolve({ begin: () => ({ traceId: 'ab'.repeat(16), end: (span) => void ends.push(span) }), close: () => Promise.resolve() }) } }) }
  } }
}

const names = (span: SpanEnd): string[] => span.children.flatMap((child: ChildSpan) => [child.name, ...names(child)])

test('a span holds those of the stages below, each in the one above it', async () => {
  const ends: SpanEnd[] = []
  const server = await testServer('. {\n nsid x\n trace\n hosts {\n  fallthrough\n }\n whoami\n}', { plugins: [nsidPlugin, traced(ends), hostsPlugin, answered] })
  await server.ask('WWW.example. TXT', { client: '192.0.2.9', protocol: 'tcp' })
  assert.deepEqual(ends.map((span) => span.attributes), [{ 'coredns.io/name': 'www.example.', 'coredns.io/type': 'TXT', 'coredns.io/rcode': 'NOERROR', 'coredns.io/proto': 'tcp', 'coredns.io/remote': '192.0.2.9' }])
  assert.deepEqual(names(ends[0]!), ['hosts', 'whoami'])
})

test('one query of so many, and none', async () => {
  for (const [every, wanted] of [[3, 2], [1, 7], [0, 0]] as const) {
    const ends: SpanEnd[] = []
    const server = await testServer(`. {\n trace {\n  every ${every}\n }\n whoami\n}`, { plugins: [traced(ends), answered] })
    for (let i = 0; i < 7; i++) await server.ask('a. A')
    assert.equal(ends.length, wanted)
  }
})

test('what cannot be is refused with its place', async () => {
  for (const text of ['trace other localhost:1', 'trace a b c', 'trace http://[', 'trace {\n every -1\n }', 'trace {\n datadog_analytics_rate 2\n }', 'trace {\n nonsense\n }']) {
    await assert.rejects(testServer(`. {\n ${text}\n whoami\n}`, { plugins: [tracePlugin, answered] }), /Corefile:\d+:\d+: trace: /, text)
  }
})
