/** The agent's own metrics, for those who may see them. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/until.ts'

const HACK = fileURLToPath(new URL('../../hack', import.meta.url))
const TLS = fileURLToPath(new URL('../support/tls', import.meta.url))
const START_MS = 30_000

function ask(port: number, authorization?: string): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = authorization === undefined ? {} : { authorization }
    get({ host: '127.0.0.1', port, path: '/metrics', ca: readFileSync(join(TLS, 'ca.pem')), servername: 'dns.test', agent: false, headers }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => { body += chunk.toString() })
      response.on('end', () => resolve({ status: response.statusCode!, body }))
    }).on('error', reject)
  })
}

test('the agent serves its own metrics over TLS to those who know the token, and a new token counts at once', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-agent-metrics-'))
  const [port, metrics] = [await freePort(), await freePort()]
  writeFileSync(join(folder, 'Corefile'), `.:${port} {\n bind 127.0.0.1\n whoami\n}\n`)
  writeFileSync(join(folder, 'web.yaml'), `tls_server_config:\n  cert_file: ${TLS}/server.pem\n  key_file: ${TLS}/server.key\n`)
  writeFileSync(join(folder, 'token'), 'first\n')
  const command = `${HACK}/hearth-node -localip 127.0.0.1 -setupinterface=false -setupiptables=false -basecorefile none -conf Corefile -admin-listen-address= -metrics-listen-address 127.0.0.1:${metrics} -metrics-bearer ${folder}/token`
  const program = Program.start(`${command} -metrics-tls ${folder}/web.yaml`, { cwd: folder })
  try {
    await until(() => / ready /.test(program.output) || program.ended, START_MS)
    assert.equal((await ask(metrics)).status, 401)
    assert.equal((await ask(metrics, 'Bearer other')).status, 401)
    const { status, body } = await ask(metrics, 'Bearer first')
    assert.equal(status, 200)
    assert.match(body, /^hearth_node_problems \d/m)
    assert.match(body, /^coredns_nodecache_setup_errors_total/m)
    writeFileSync(join(folder, 'token'), 'second\n')
    assert.equal((await ask(metrics, 'Bearer first')).status, 401)
    assert.equal((await ask(metrics, 'Bearer second')).status, 200)
  } finally {
    await program.stop()
  }
  writeFileSync(join(folder, 'web.yaml'), 'tls_server_config:\n  key_file: a.key\n')
  const wrong = Program.start(`${command} -metrics-tls ${folder}/web.yaml`, { cwd: folder })
  assert.equal(await wrong.exit(START_MS), 1, wrong.output)
  assert.match(wrong.output, new RegExp(`^--metrics-tls: ${folder}/web.yaml: cert_file is missing$`, 'm'))
  rmSync(folder, { recursive: true })
})
