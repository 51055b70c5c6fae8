import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { formatOptions } from '../../src/corefile/options.ts'
import { PLUGINS } from '../../src/plugins/index.ts'
import { runExample } from './example.ts'
import { HEADINGS, parsePage } from './page.ts'

/** Metrics that a page lists but that its examples cannot bring about: they need a cluster, the program's reload, or more queries than a page shows. */
const BEYOND_EXAMPLES = new Set([
  'coredns_kubernetes_rest_client_request_duration_seconds', 'coredns_kubernetes_rest_client_requests_total', 'coredns_kubernetes_dns_programming_duration_seconds', 'hearth_kubernetes_snapshot_served', 'hearth_kubernetes_snapshot_timestamp_seconds',
  'hearth_pure_saved_queries_total', 'coredns_cache_drops_total', 'coredns_proxy_healthcheck_failures_total', 'coredns_forward_healthcheck_failures_total', 'coredns_cache_evictions_total', 'coredns_reload_failed_total', 'coredns_reload_version_info', 'coredns_dns_https_responses_total',
])

for (const plugin of PLUGINS) {
  describe(`manual page of ${plugin.name}`, () => {
    const page = parsePage(readFileSync(new URL(`../../src/plugins/${plugin.name}/README.md`, import.meta.url), 'utf8'))
    const metrics = new Set<string>()

    test('has the sections of every page', () => {
      assert.equal(page.title, plugin.name)
      assert.deepEqual([...page.sections.keys()], HEADINGS)
      for (const [heading, text] of page.sections) assert.notEqual(text.trim(), '', heading)
    })

    test('lists the properties of the option table and uses each in an example', () => {
      const options = page.sections.get('Options')!.split('\n').filter((line) => line.startsWith('- `'))
      if (plugin.options === undefined) return
      assert.deepEqual(options, formatOptions(plugin.options), 'run node hack/manual.ts')
      const used = new Set(page.examples.flatMap((example) => example.corefile.lines.map((line) => line.trim().split(/\s+/)[0])))
      for (const name of Object.keys(plugin.options)) assert.ok(used.has(name), `no example uses ${name}`)
    })

    for (const example of page.examples) {
      test(`example at line ${example.corefile.line}`, async () => {
        for (const name of (await runExample(example)).metrics) metrics.add(name)
      })
    }

    test('lists the metrics that its examples export', () => {
      const listed = [...page.sections.get('Metrics')!.matchAll(/^- `([a-z_0-9]+)/gm)].map((match) => match[1]!)
      const own = [...metrics].filter((name) => name.startsWith(`coredns_${plugin.name}_`))
      assert.deepEqual(own.filter((name) => !listed.includes(name)), [], 'exported, not listed')
      assert.deepEqual(listed.filter((name) => !metrics.has(name) && !BEYOND_EXAMPLES.has(name)), [], 'listed, not exported')
    })
  })
}
