import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { MemoryLog } from '../base/log.ts'
import { freePort } from '../../test/support/ports.ts'
import { until } from '../../test/support/until.ts'
import { HttpServers } from './http.ts'
import { MetricsRegistry } from './metrics.ts'

const TLS = fileURLToPath(new URL('../../test/support/tls/', import.meta.url))

interface Asked {
  readonly cert?: string
  readonly key?: string
}

function ask(port: number, more: Asked = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/metrics', ca: readFileSync(join(TLS, 'ca.pem')), servername: 'dns.test', agent: false, ...more }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode!))
    }).on('error', reject)
  })
}

describe('metrics over TLS', () => {
  const log = new MemoryLog()
  let folder: string
  let port: number

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-http-'))
    port = await freePort()
    copyFileSync(join(TLS, 'server.pem'), join(folder, 'tls.crt'))
    copyFileSync(join(TLS, 'server.key'), join(folder, 'tls.key'))
  })

  afterEach(() => rmSync(folder, { recursive: true }))

  const files = () => ({ certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') })
  const ok = () => ({ status: 200, body: 'ok' })

  test('a client with a certificate of the CA gets in, one without does not', async () => {
    const endpoint = await new HttpServers(log).serve(`127.0.0.1:${port}`, '/metrics', ok, { tls: { ...files(), clientCaFile: join(TLS, 'ca.pem'), clientCertificate: 'required' } })
    await assert.rejects(ask(port))
    assert.equal(await ask(port, { cert: readFileSync(join(TLS, 'server.pem'), 'utf8'), key: readFileSync(join(TLS, 'server.key'), 'utf8') }), 200)
    await endpoint.close()
  })

  test('files are read again when they change; bad ones leave the old', async () => {
    const endpoint = await new HttpServers(log).serve(`127.0.0.1:${port}`, '/metrics', ok, { tls: { ...files(), clientCaFile: undefined, clientCertificate: 'optional' } })
    assert.equal(await ask(port), 200)
    writeFileSync(join(folder, 'tls.crt'), 'no certificate')
    await until(() => log.lines.some((line) => /the old certificate stays/.test(line)), 10_000)
    assert.equal(await ask(port), 200)
    copyFileSync(join(TLS, 'server.pem'), join(folder, 'tls.crt'))
    utimesSync(join(folder, 'tls.crt'), 1, 1)
    await until(() => log.lines.some((line) => /read .*tls\.crt again/.test(line)), 10_000)
    assert.equal(await ask(port), 200)
    await endpoint.close()
  })
})

describe('the formats of metrics', () => {
  test('OpenMetrics has exemplars and an end; the text format has neither', async () => {
    const metrics = new MetricsRegistry()
    metrics.counter('a_total', 'A.', ['x']).with('1').add(2)
    const histogram = metrics.histogram('h_seconds', 'H.', [0.1, 1]).with()
    histogram.observe(0.5, { name: 'a.example.' })
    histogram.observe(5)
    const open = await metrics.expose('openmetrics')
    assert.match(open, /^# TYPE a counter\na_total\{x="1"\} 2$/m)
    assert.match(open, /^h_seconds_bucket\{le="1"\} 1 # \{name="a\.example\."\} 0\.5 \d+(\.\d+)?$/m)
    assert.match(open, /# EOF\n$/)
    const text = await metrics.expose()
    assert.match(text, /^h_seconds_bucket\{le="1"\} 1$/m)
    assert.doesNotMatch(text, /EOF|a\.example/)
  })
})
