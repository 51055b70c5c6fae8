/** Rules and dashboards under promtool, runbooks beside them, and a real Prometheus on both programs. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { DASHBOARDS, dashboardJson } from '../../hack/dashboards.ts'
import { prometheusRule } from '../../hack/prometheus-rule.ts'
import { Message } from '../../src/wire/message.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { exchange } from '../support/exchange.ts'
import { lacks } from '../support/needs.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { ZoneUpstream } from '../support/zone-upstream.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const FOLDER = join(ROOT, 'manifests/observability')
const START_MS = 30_000
const skip = lacks({ commands: ['promtool', 'prometheus'] })

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string; readonly annotations: { readonly runbook: string } }[] }[]
}

const rules = (parse(readFileSync(join(FOLDER, 'rules.yaml'), 'utf8')) as Rules).groups.flatMap((group) => group.rules)

/** PromQL without Grafana's variables. */
const plain = (expr: string) => expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1h')

function checkExpressions(expressions: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-promql-'))
  writeFileSync(join(folder, 'rules.json'), JSON.stringify({ groups: [{ name: 'g', rules: expressions.map((expr, i) => ({ record: `r${i}`, expr })) }] }))
  try {
    execFileSync('promtool', ['check', 'rules', '--lint=none', join(folder, 'rules.json')], { encoding: 'utf8' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('alerts and their runbooks', () => {
  test('promtool takes the rules, and each alert fires when it should and not before', { skip }, () => {
    execFileSync('promtool', ['check', 'rules', join(FOLDER, 'rules.yaml')])
    execFileSync('promtool', ['test', 'rules', join(FOLDER, 'rules.test.yaml')])
    const tested = readFileSync(join(FOLDER, 'rules.test.yaml'), 'utf8')
    for (const { alert } of rules) assert.match(tested, new RegExp(`alertname: ${alert}\\n\\s+exp_alerts: \\[\\{`), `${alert} has no test that fires it`)
  })

  test('the Prometheus operator gets the same rules', () => {
    const text = readFileSync(join(FOLDER, 'rules.yaml'), 'utf8')
    const made = readFileSync(join(FOLDER, 'monitors/prometheus-rule.yaml'), 'utf8')
    assert.equal(made, prometheusRule(text), 'run node hack/prometheus-rule.ts')
    assert.equal(readFileSync(join(ROOT, 'manifests/chart/files/rules.yaml'), 'utf8'), text, 'run node hack/prometheus-rule.ts')
    const { kind, spec } = parse(made) as { kind: string; spec: unknown }
    assert.equal(kind, 'PrometheusRule')
    assert.deepEqual(spec, parse(text))
  })

  test('one page an alert: what it means, how to look, what to do', () => {
    assert.deepEqual(readdirSync(join(ROOT, 'docs/runbooks')).sort(), rules.map(({ alert }) => `${alert}.md`).sort())
    for (const { alert, annotations } of rules) {
      assert.equal(annotations.runbook, `docs/runbooks/${alert}.md`)
      const page = readFileSync(join(ROOT, annotations.runbook), 'utf8')
      assert.deepEqual([...page.matchAll(/^## (.*)$/gm)].map((match) => match[1]), ['What it means', 'How to look', 'What to do'], alert)
    }
  })

  test('the queries and commands that pages name are such', { skip }, () => {
    const pages = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => readFileSync(join(ROOT, 'docs/runbooks', name), 'utf8'))
    const code = pages.flatMap((page) => [...page.matchAll(/`([^`]+)`/g)].map((match) => match[1]!))
    const queries = code.filter((text) => /^(sum|rate|histogram_quantile|nodejs_)/.test(text))
    assert.ok(queries.length >= 5)
    checkExpressions(queries)
    const commands = new Set(code.flatMap((text) => /^hearth-(?:node|cluster) ([a-z]+)/.exec(text)?.[1] ?? []))
    assert.ok(commands.size >= 4)
    const help = execFileSync(join(ROOT, 'hack/hearth-node'), ['--help'], { encoding: 'utf8' })
    for (const command of commands) assert.match(help, new RegExp(`^  ${command}\\b`, 'm'))
  })
})

describe('dashboards', () => {
  test('are what hack/dashboards.ts makes, and their queries are PromQL', { skip }, () => {
    for (const dashboard of DASHBOARDS) {
      assert.equal(readFileSync(join(FOLDER, dashboard.file), 'utf8'), dashboardJson(dashboard), 'run node hack/dashboards.ts')
      checkExpressions(Object.values(dashboard.rows).flat().flatMap((panel) => Object.values(panel.queries)).map(plain))
    }
  })
})

describe('a real Prometheus', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-prometheus-'))
  const programs: Program[] = []
  let upstream: ZoneUpstream
  let port: number
  const dns: number[] = []

  async function ask(to: number, name: string): Promise<void> {
    const message = new Message()
    message.rd = true
    message.questions = [{ name, type: 1, class: 1 }]
    await exchange([encodeMessage(message)], { host: '127.0.0.1', port: to, waitMs: 3000 })
  }

  async function query(expr: string): Promise<readonly { readonly metric: Readonly<Record<string, string>>; readonly value: readonly [number, string] }[]> {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expr)}`)
    const body = await response.json() as { status: string; error?: string; data: { result: { metric: Record<string, string>; value: [number, string] }[] } }
    assert.equal(body.status, 'success', body.error)
    return body.data.result
  }

  before(async () => {
    upstream = await ZoneUpstream.open('www.example.com. 300 A 192.0.2.1')
    const [clusterDns, clusterMetrics, nodeDns, nodeMetrics, agentMetrics] = [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()]
    dns.push(clusterDns, nodeDns)
    port = await freePort()
    const corefile = (own: number, metrics: number, to: string) => `.:${own} {\n bind 127.0.0.1\n prometheus 127.0.0.1:${metrics} {\n  openmetrics exemplars\n }\n cache 30\n forward . ${to} {\n  health_check 200ms\n  max_fails 1\n  policy round_robin\n }\n}\n`
    writeFileSync(join(folder, 'cluster.Corefile'), corefile(clusterDns, clusterMetrics, `127.0.0.1:${upstream.port} 127.0.0.1:9`))
    writeFileSync(join(folder, 'node.Corefile'), corefile(nodeDns, nodeMetrics, `127.0.0.1:${clusterDns} 127.0.0.1:9`))
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yaml'],
      scrape_configs: [
        { job_name: 'hearth-cluster', static_configs: [{ targets: [`127.0.0.1:${clusterMetrics}`] }] },
        { job_name: 'hearth-node', static_configs: [{ targets: [`127.0.0.1:${nodeMetrics}`, `127.0.0.1:${agentMetrics}`] }] },
      ],
    }))
    cpSync(join(FOLDER, 'rules.yaml'), join(folder, 'rules.yaml'))
    programs.push(
      Program.start(`${ROOT}/hack/hearth-cluster -conf cluster.Corefile -admin-listen-address=`, { cwd: folder }),
      Program.start(`${ROOT}/hack/hearth-node -localip 127.0.0.1 -setupinterface=false -setupiptables=false -metrics-listen-address 127.0.0.1:${agentMetrics} -conf node.Corefile -dns.port ${nodeDns} -admin-listen-address=`, { cwd: folder }),
      Program.start(`prometheus --config.file=prometheus.yml --storage.tsdb.path=${folder}/data --web.listen-address=127.0.0.1:${port} --enable-feature=exemplar-storage`, { cwd: folder }),
    )
    for (const program of programs.slice(0, 2)) await until(() => / ready /.test(program.output) || program.ended, START_MS)
  })

  after(async () => {
    for (const program of programs) await program.stop()
    upstream?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('scrapes both programs, and the queries of well-known dashboards return data', { timeout: 120_000 }, async () => {
    const traffic = setInterval(() => {
      for (const to of dns) {
        void ask(to, 'www.example.com.')
        void ask(to, `missing-${Date.now() % 7}.example.com.`)
      }
    }, 200)
    try {
      await until(async () => {
        try {
          return (await query('up == 1')).length === 3 && (await query('count by (job) (count_over_time(coredns_dns_requests_total[1m]) > 8)')).length === 2
        } catch (error) {
          // It does not listen yet.
          return !(error instanceof TypeError) && (() => { throw error })()
        }
      }, 90_000)
      for (const expr of [
        'rate(coredns_dns_requests_total[5m])',
        'rate(coredns_dns_responses_total{rcode="NXDOMAIN"}[5m])',
        'histogram_quantile(0.99, rate(coredns_dns_request_duration_seconds_bucket[5m]))',
        'sum(rate(coredns_cache_hits_total[5m])) / (sum(rate(coredns_cache_hits_total[5m])) + sum(rate(coredns_cache_misses_total[5m])))',
        'rate(coredns_forward_healthcheck_failures_total[5m])',
        'rate(coredns_proxy_healthcheck_failures_total[5m])',
      ]) {
        const result = await query(expr)
        assert.ok(result.some(({ value }) => Number(value[1]) > 0), `${expr}: ${JSON.stringify(result)}`)
        const jobs = new Set(result.map(({ metric }) => metric['job']))
        if (expr.startsWith('rate(')) assert.deepEqual([...jobs].sort(), ['hearth-cluster', 'hearth-node'], expr)
      }
      for (const dashboard of DASHBOARDS) {
        const traffics = Object.values(dashboard.rows).flat().filter((panel) => ['Queries', 'Answers', 'Latency', 'Who answered', 'Types', 'Hits', 'Entries', 'Asked', 'Latency p99', 'Memory', 'Processor', 'Event loop lag p99'].includes(panel.title))
        for (const panel of traffics) for (const expr of Object.values(panel.queries)) assert.ok((await query(plain(expr))).length > 0, `${dashboard.title}: ${panel.title}: ${expr}`)
      }
      assert.ok((await query('hearth_node_problems')).length > 0)
    } finally {
      clearInterval(traffic)
    }
  })

  test('its exemplars name what was asked', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query_exemplars?query=coredns_dns_request_duration_seconds_bucket&start=${Date.now() / 1000 - 600}&end=${Date.now() / 1000 + 60}`)
    const body = await response.json() as { data: { exemplars: { labels: Record<string, string> }[] }[] }
    const names = new Set(body.data.flatMap((series) => series.exemplars.map((exemplar) => exemplar.labels['name'])))
    assert.ok([...names].some((name) => name?.endsWith('example.com.')), JSON.stringify([...names]))
  })
})
