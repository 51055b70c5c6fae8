import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { encodeMessage } from '../../src/wire/encode.ts'
import { decodeMessage } from '../../src/wire/decode.ts'
import { Message } from '../../src/wire/message.ts'
import { exchange } from '../support/exchange.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'

const BUNDLE = fileURLToPath(new URL('../../hack/bundle.ts', import.meta.url))

describe('the bundles that the images contain, started from a clean folder', { concurrency: false }, () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-bundle-'))
    execFileSync(process.execPath, [BUNDLE, join(folder, 'out')])
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  for (const name of ['hearth-cluster', 'hearth-node']) {
    test(`${name} serves without the checkout`, async () => {
      const home = join(folder, `${name}-home`)
      cpSync(join(folder, 'out', name), join(home, 'app'), { recursive: true })
      const [port, admin] = [await freePort(), await freePort()]
      writeFileSync(join(home, 'Corefile'), `.:${port} {\n bind 127.0.0.1\n hosts {\n  10.0.0.1 a.example\n }\n}\n`)
      const args = name === 'hearth-node' ? `-localip 127.0.0.1 -setupinterface=false -setupiptables=false -metrics-listen-address= -basecorefile ${home}/none` : ''
      const program = Program.start(`${process.execPath} ${home}/app/lib/${name}.mjs -conf ${home}/Corefile -admin-listen-address 127.0.0.1:${admin} ${args}`, { cwd: home })
      try {
        const query = new Message()
        query.questions = [{ name: 'a.example.', type: 1, class: 1 }]
        let replies: readonly Buffer[] = []
        for (const end = Date.now() + 10_000; replies.length === 0 && Date.now() < end;) {
          assert.ok(!program.ended, program.output)
          replies = (await exchange([encodeMessage(query)], { host: '127.0.0.1', port, waitMs: 300 })).replies
          await new Promise((resolve) => setTimeout(resolve, 20))
        }
        assert.deepEqual([...decodeMessage(replies[0]!).answers[0]!.rdata], [10, 0, 0, 1])
        const page = await (await fetch(`http://127.0.0.1:${admin}/`)).text()
        assert.ok(page.includes('Search lists in vain') && page.includes('async function explain()'), page.slice(0, 200))
      } finally {
        await program.stop()
      }
      assert.equal(program.child.exitCode, 0, program.output)
    })
  }
  test('what is not used is not loaded', () => {
    const tell = `data:text/javascript,${encodeURIComponent("process.on('exit', () => process.stderr.write(process.moduleLoadList.join('\\n')))")}`
    for (const name of ['hearth-cluster', 'hearth-node']) {
      const { stderr, stdout } = spawnSync(process.execPath, ['--import', tell, join(folder, 'out', name, 'lib', `${name}.mjs`), '-plugins'], { encoding: 'utf8' })
      assert.match(stdout, /dns\.forward/)
      assert.match(stderr, /^NativeModule net$/m)
      for (const heavy of ['http2', 'internal/deps/undici/undici', 'inspector/promises']) assert.ok(!stderr.split('\n').includes(`NativeModule ${heavy}`), `${name}: ${heavy}`)
    }
  })

  test('hearth-cluster takes the credentials of a kubeconfig, from a command too', async () => {
    const home = join(folder, 'kubeconfig-home')
    cpSync(join(folder, 'out/hearth-cluster'), join(home, 'app'), { recursive: true })
    const seen = new Set<string | undefined>()
    const api = createServer((request, response) => {
      seen.add(request.headers.authorization)
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"kind":"Status","message":"no"}')
    }).listen(0, '127.0.0.1')
    await once(api, 'listening')
    writeFileSync(join(home, 'kubeconfig'), kubeconfig((api.address() as AddressInfo).port))
    writeFileSync(join(home, 'Corefile'), `cluster.local:${await freePort()} {\n bind 127.0.0.1\n kubernetes {\n  kubeconfig ${home}/kubeconfig\n  startup_timeout 1s\n }\n}\n`)
    const program = Program.start(`${process.execPath} ${home}/app/lib/hearth-cluster.mjs -conf ${home}/Corefile`, { cwd: home })
    try {
      for (const end = Date.now() + 10_000; seen.size === 0 && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 20))
      assert.deepEqual([...seen], ['Bearer from-a-command'], program.output)
    } finally {
      await program.stop()
      api.closeAllConnections()
      api.close()
    }
  })
})

function kubeconfig(port: number): string {
  const credential = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 'from-a-command' } }
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'test',
    clusters: [{ name: 'test', cluster: { server: `http://127.0.0.1:${port}` } }],
    contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
    users: [{ name: 'test', user: { exec: { apiVersion: credential.apiVersion, command: 'echo', args: [JSON.stringify(credential)], interactiveMode: 'Never' } } }],
  })
}
