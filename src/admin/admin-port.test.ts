import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { FakeClock } from '../base/fake-clock.ts'
import { MemoryLog } from '../base/log.ts'
import { freePort } from '../../test/support/ports.ts'
import { AdminPort } from './admin-port.ts'
import { HttpServers } from './http.ts'
import { Refusal, type AdminView } from './view.ts'

interface Got {
  readonly status: number
  readonly body: string
}

interface Asked {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
}

function ask(to: { port: number } | { socketPath: string }, path: string, { method = 'GET', headers = {} }: Asked = {}): Promise<Got> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', ...to, path, method, headers, agent: false }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => { body += chunk.toString() })
      response.on('end', () => resolve({ status: response.statusCode!, body }))
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('the admin port', () => {
  const log = new MemoryLog()
  const clock = new FakeClock()
  let folder: string
  let port: number
  let open: AdminPort | undefined
  const asked: unknown[] = []
  const view = {
    explain: (question: unknown, search: unknown) => {
      asked.push([question, search])
      return (question as { name: string }).name === 'bad' ? Promise.reject(new Refusal('bad is bad')) : Promise.resolve([])
    },
    reload: () => Promise.resolve(true),
  } as unknown as AdminView

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-admin-'))
    port = await freePort()
  })

  afterEach(async () => {
    await open?.close()
    open = undefined
    rmSync(folder, { recursive: true })
  })

  async function start(address: string, tokenFile?: string): Promise<void> {
    open = new AdminPort({ address, tokenFile }, view, { http: new HttpServers(log), log, clock })
    await open.open()
  }

  test('explain takes its question from the query string; what is refused says why', async () => {
    await start(`127.0.0.1:${port}`)
    assert.deepEqual(await ask({ port }, '/explain?name=a&type=MX&client=10.1.1.1&protocol=tcp&dnssec=1&search=ns'), { status: 200, body: '[]\n' })
    assert.deepEqual(asked.at(-1), [{ name: 'a', type: 'MX', client: '10.1.1.1', protocol: 'tcp', dnssec: true, server: '' }, 'ns'])
    assert.deepEqual(await ask({ port }, '/explain?name=bad'), { status: 400, body: '{"error":"bad is bad"}\n' })
    assert.equal((await ask({ port }, '/explain?protocol=x')).status, 400)
    assert.equal((await ask({ port }, '/nowhere')).status, 404)
  })

  test('a path with empty parts or dots leads to the proper one, as in CoreDNS', async () => {
    await start(`127.0.0.1:${port}`)
    for (const [target, location] of [['//state', '/state'], ['/a/../state?x=1', '/state?x=1'], ['/state/.', '/state'], ['/state//', '/state/'], ['//', '/'], ['/../..', '/']] as const) {
      const socket = connect(port, '127.0.0.1')
      socket.write(`GET ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`)
      const [first] = await once(socket, 'data') as [Buffer]
      assert.match(first.toString(), new RegExp(`^HTTP/1\\.1 307 [^]*\r\nlocation: ${location.replace('?', '\\?')}\r\n`), target)
      socket.destroy()
    }
    assert.equal((await ask({ port }, '/...')).status, 404)
  })

  test('targets that are no URL get 400, and whoever hangs up early is no harm', async () => {
    await start(`127.0.0.1:${port}`)
    for (const target of ['http://[', '/\\\\', '*', 'http://x:99999/']) {
      const socket = connect(port, '127.0.0.1')
      socket.write(`GET ${target} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n`)
      const [first] = await once(socket, 'data') as [Buffer]
      assert.match(first.toString(), /^HTTP\/1\.1 40[04] /, target)
      socket.destroy()
    }
    const hasty = connect(port, '127.0.0.1')
    hasty.write('GET /explain?name=a HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n')
    hasty.destroy()
    assert.equal((await ask({ port }, '/explain?name=a')).status, 200)
  })

  test('is read-only without a token file; with one, changes need its token', async () => {
    await start(`127.0.0.1:${port}`)
    assert.equal((await ask({ port }, '/reload', { method: 'POST' })).status, 403)
    assert.equal((await ask({ port }, '/reload')).status, 405)
    await open!.close()
    writeFileSync(join(folder, 'token'), 'secret\n')
    await start(`127.0.0.1:${port}`, join(folder, 'token'))
    assert.equal((await ask({ port }, '/reload', { method: 'POST' })).status, 401)
    assert.equal((await ask({ port }, '/reload', { method: 'POST', headers: { authorization: 'Bearer wrong' } })).status, 401)
    assert.deepEqual(await ask({ port }, '/reload', { method: 'POST', headers: { authorization: 'Bearer secret' } }), { status: 200, body: '{"reloaded":true}\n' })
  })

  test('on loopback a foreign name does not lead here', async () => {
    await start(`127.0.0.1:${port}`)
    assert.equal((await ask({ port }, '/explain?name=a', { headers: { host: `evil.example:${port}` } })).status, 403)
    for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`]) assert.equal((await ask({ port }, '/explain?name=a', { headers: { host } })).status, 200, host)
  })

  test('a unix socket, also where a killed process left one, but not where one answers', async () => {
    const path = join(folder, 'run', 'admin.sock')
    await start(`unix:${path}`)
    assert.equal((await ask({ socketPath: path }, '/explain?name=a')).status, 200)
    const second = new AdminPort({ address: `unix:${path}`, tokenFile: undefined }, view, { http: new HttpServers(log), log, clock })
    await second.open()
    assert.match(log.lines.at(-1)!, /another process has .*admin\.sock; DNS is served without it/)
    await open!.close()
    clock.advance(5000)
    for (let i = 0; i < 100 && (await ask({ socketPath: path }, '/explain?name=a').catch(() => undefined)) === undefined; i++) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal((await ask({ socketPath: path }, '/explain?name=a')).status, 200)
    await second.close()
  })

  test('a taken port is said once and waited for', async () => {
    const other = createServer().listen(port, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    const before = log.lines.length
    await start(`127.0.0.1:${port}`)
    assert.match(log.lines.at(-1)!, /\[WARNING\] admin port 127\.0\.0\.1:\d+: .*EADDRINUSE.*; DNS is served without it/)
    await new Promise((resolve) => other.close(resolve))
    clock.advance(5000)
    for (let i = 0; i < 100 && (await ask({ port }, '/explain?name=a').catch(() => undefined)) === undefined; i++) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal((await ask({ port }, '/explain?name=a')).status, 200)
    assert.equal(log.lines.length, before + 1)
  })

  test('an empty address opens nothing', async () => {
    await start('')
    await assert.rejects(ask({ port }, '/'))
  })
})
