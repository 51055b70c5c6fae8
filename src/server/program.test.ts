import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/ports.ts'
import { Program } from '../../test/support/program.ts'
import { until } from '../../test/support/until.ts'

const CLUSTER = fileURLToPath(new URL('../../hack/hearth-cluster', import.meta.url))

describe('a program from start to signal', () => {
  let folder: string
  before(() => { folder = mkdtempSync(join(tmpdir(), 'hearth-program-')) })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const started: Program[] = []
  afterEach(async () => {
    for (const program of started.splice(0)) await program.stop()
  })

  async function start(name: string, corefile: string, args = ''): Promise<Program> {
    const path = join(folder, name)
    writeFileSync(path, corefile.replaceAll('PORT', String(await freePort())))
    const program = Program.start(`${CLUSTER} -conf ${path} ${args}`)
    started.push(program)
    return program
  }

  async function prints(program: Program, text: RegExp): Promise<void> {
    for (const end = Date.now() + 30_000; !text.test(program.output) && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 10))
    assert.match(program.output, text)
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    test(`${signal} ends it with status 0`, async () => {
      const program = await start(signal, '.:PORT {\n bind 127.0.0.1\n whoami\n}\n')
      await prints(program, / ready /)
      program.child.kill(signal)
      assert.equal(await program.exit(5000), 0, program.output)
    })
  }

  test('SIGTERM while it still waits for an API server ends it with status 0', async () => {
    const api = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(api, 'listening')
    const program = await start('waiting', `cluster.local:PORT {\n bind 127.0.0.1\n kubernetes {\n  endpoint http://127.0.0.1:${(api.address() as AddressInfo).port}\n  startup_timeout 60s\n }\n}\n`)
    try {
      await prints(program, /watching/)
      program.child.kill('SIGTERM')
      assert.equal(await program.exit(5000), 0, program.output)
      assert.doesNotMatch(program.output, /unsettled/)
    } finally {
      api.closeAllConnections()
      api.close()
    }
  })

  test('without an API server it waits as long as startup_timeout says, then serves', async () => {
    const program = await start('absent', `cluster.local:PORT {\n bind 127.0.0.1\n kubernetes {\n  endpoint http://127.0.0.1:${await freePort()}\n  startup_timeout 300ms\n }\n}\n`)
    await prints(program, / ready /)
    await program.stop()
    assert.equal(program.child.exitCode, 0)
  })

  test('a mistake in the Corefile ends it with status 1 and the place', async () => {
    const program = await start('wrong', '.:PORT {\n cache {\n  success 0\n }\n}\n')
    assert.equal(await program.exit(30_000), 1)
    assert.match(program.output, /wrong:3:\d+: cache: success: /)
  })

  test('zones are listed, with a warning for those that are no host names', async () => {
    const program = await start('zones', 'a_b.org:PORT ok.org:PORT 1.in-addr.arpa:PORT {\n bind 127.0.0.1\n whoami\n}\n')
    await prints(program, / ready /)
    assert.match(program.output, /^1\.in-addr\.arpa\.:\d+ on 127\.0\.0\.1\nWarning: Domain "a_b\.org\." does not follow RFC1035 preferred syntax\na_b\.org\.:\d+ on 127\.0\.0\.1\nok\.org\.:/m)
  })

  test('series without labels exist from the start, whether or not a block has their directive', async () => {
    const port = await freePort()
    const program = await start('series', `.:PORT {\n bind 127.0.0.1\n whoami\n prometheus 127.0.0.1:${port}\n}\n`)
    await prints(program, / ready /)
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    for (const name of [
      'health_request_duration_seconds_count', 'health_request_failures_total', 'hosts_reload_timestamp_seconds', 'local_localhost_requests_total', 'forward_healthcheck_broken_total',
      'forward_max_concurrent_rejects_total', 'reload_failed_total', 'panics_total',
    ]) assert.match(text, new RegExp(`^coredns_${name} 0$`, 'm'))
  })

  test('a taken port of prometheus or ready is named and waited for while queries are answered; one of health ends the start', async () => {
    const holder = createServer((_request, response) => response.end('mine')).listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    const body = async (path: string) => (await fetch(`http://127.0.0.1:${port}${path}`)).text()
    const program = await start('metrics-port', `.:PORT {\n bind 127.0.0.1\n prometheus 127.0.0.1:${port}\n ready 127.0.0.1:${port}\n whoami\n}\n`)
    await prints(program, / ready /)
    assert.match(program.output, new RegExp(`\\[ERROR\\] plugin/prometheus: /metrics is not served: cannot listen on tcp 127\\.0\\.0\\.1:${port}: the port is taken by pid ${process.pid} .*; trying again every 5 s`))
    const health = await start('health-port', `.:PORT {\n bind 127.0.0.1\n health 127.0.0.1:${port}\n whoami\n}\n`)
    assert.equal(await health.exit(10_000), 1)
    assert.match(health.output, new RegExp(`cannot listen on tcp 127\\.0\\.0\\.1:${port}: the port is taken by pid ${process.pid} .*choose another port in the Corefile`))
    holder.closeAllConnections()
    holder.close()
    await until(async () => (await body('/metrics').catch(() => '')).includes('coredns_') && await body('/ready').catch(() => '') === 'OK', 20_000)
  })

  test('the pid file exists while it serves, and its time is renewed', async () => {
    const pidfile = join(folder, 'pid')
    writeFileSync(pidfile, '1\n')
    const program = await start('pids', '.:PORT {\n bind 127.0.0.1\n whoami\n}\n', `-pidfile ${pidfile}`)
    await prints(program, / ready /)
    await until(() => existsSync(pidfile) && program.output.includes(`pid ${readFileSync(pidfile, 'utf8').trim()})`))
    utimesSync(pidfile, new Date(0), new Date(0))
    await until(() => Date.now() - statSync(pidfile).mtimeMs < 60_000, 15_000)
    await program.stop()
    assert.ok(!existsSync(pidfile))
  })
})
