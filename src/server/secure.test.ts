import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { decodeMessage } from '../wire/decode.ts'
import { encodeMessage } from '../wire/encode.ts'
import { Message } from '../wire/message.ts'
import { freePort } from '../../test/support/ports.ts'
import { Program } from '../../test/support/program.ts'
import { until } from '../../test/support/until.ts'

const CLUSTER = fileURLToPath(new URL('../../hack/hearth-cluster', import.meta.url))
const PEM = fileURLToPath(new URL('../../test/support/tls', import.meta.url))
const START_MS = 20_000
const ca = readFileSync(join(PEM, 'ca.pem'))
const own = { cert: readFileSync(join(PEM, 'server.pem')), key: readFileSync(join(PEM, 'server.key')) }

function query(name: string, id = 1): Buffer {
  const message = new Message()
  message.id = id
  message.rd = true
  message.questions = [{ name, type: 1, class: 1 }]
  return Buffer.from(encodeMessage(message))
}

/** Asks over an open connection for DNS over TLS; undefined when the server closes it. */
async function askStream(socket: TLSSocket, name: string): Promise<Message | undefined> {
  const packet = query(name)
  socket.write(Buffer.concat([Buffer.of(packet.length >> 8, packet.length & 0xff), packet]))
  const chunk = await new Promise<Buffer | undefined>((resolve) => {
    if (socket.destroyed) resolve(undefined)
    socket.once('data', resolve)
    socket.once('close', () => resolve(undefined))
  })
  return chunk === undefined ? undefined : decodeMessage(chunk.subarray(2))
}

describe('servers that speak TLS, over real sockets', { concurrency: false }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-secure-'))
  const ports: Record<'dot' | 'auth' | 'ifGiven' | 'doh' | 'plain', number> = { dot: 0, auth: 0, ifGiven: 0, doh: 0, plain: 0 }
  let program: Program

  const corefile = (more = '') => [
    `tls://.:${ports.dot} https://.:${ports.doh} {`, 'bind 127.0.0.1', `root ${folder}`, 'tls server.pem server.key', 'https {', 'max_connections 3', '}', 'hosts {', '192.0.2.1 a.example', '}', more, '}',
    `tls://.:${ports.auth} {`, 'bind 127.0.0.1', `tls ${PEM}/server.pem ${PEM}/server.key ${PEM}/ca.pem {`, 'client_auth require', '}', 'whoami', '}',
    `tls://.:${ports.ifGiven} {`, 'bind 127.0.0.1', `tls ${PEM}/server.pem ${PEM}/server.key ${PEM}/ca.pem {`, 'client_auth verify_if_given', '}', 'whoami', '}',
    `https://.:${ports.plain} {`, 'bind 127.0.0.1', 'acl {', 'drop', '}', 'whoami', '}', '',
  ].join('\n')

  async function open(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
    const socket = connect({ port, host: '127.0.0.1', servername: 'dns.test', ca, ...options })
    // What becomes of it is seen by whether it is open.
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => {
      socket.once('secureConnect', resolve)
      socket.once('close', () => resolve())
    })
    return socket
  }

  before(async () => {
    for (const name of Object.keys(ports)) ports[name as keyof typeof ports] = await freePort()
    copyFileSync(join(PEM, 'server.pem'), join(folder, 'server.pem'))
    copyFileSync(join(PEM, 'server.key'), join(folder, 'server.key'))
    writeFileSync(join(folder, 'Corefile'), corefile())
    program = Program.start(`${CLUSTER} -conf ${folder}/Corefile`)
    assert.ok(await until(() => / ready /.test(program.output), START_MS).then(() => true), program.output)
  })

  after(async () => {
    await program.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('DNS over TLS, with a certificate that holds, several queries a connection', async () => {
    const socket = await open(ports.dot)
    assert.equal(socket.authorized, true)
    for (const name of ['a.example.', 'A.example.']) assert.deepEqual([...(await askStream(socket, name))!.answers[0]!.rdata], [192, 0, 2, 1])
    socket.destroy()
    assert.match(program.output, new RegExp(`^tls://\\.:${ports.dot} on 127\\.0\\.0\\.1$`, 'm'))
  })

  test('clients without a certificate, or with one that is not signed by ours', async () => {
    const [bare, shown] = [await open(ports.auth), await open(ports.auth, own)]
    assert.equal(await askStream(bare, 'a.example.'), undefined)
    assert.notEqual(await askStream(shown, 'a.example.'), undefined)
    const [none, good] = [await open(ports.ifGiven), await open(ports.ifGiven, own)]
    assert.notEqual(await askStream(none, 'a.example.'), undefined)
    assert.notEqual(await askStream(good, 'a.example.'), undefined)
    for (const socket of [shown, none, good]) socket.destroy()
  })

  test('DNS over HTTPS, over HTTP/2 and 1.1, by GET and POST', async () => {
    const packet = query('a.example.', 0)
    const session = connectHttp2(`https://127.0.0.1:${ports.doh}`, { ca, servername: 'dns.test' })
    const stream = session.request({ ':method': 'POST', ':path': '/dns-query', 'content-type': 'application/dns-message' })
    stream.end(packet)
    const [headers] = await once(stream, 'response') as [Record<string, string | number>]
    assert.deepEqual([headers[':status'], headers['content-type'], headers['cache-control']], [200, 'application/dns-message', 'max-age=3600'])
    const body = Buffer.concat(await stream.toArray() as Buffer[])
    assert.deepEqual([...decodeMessage(body).answers[0]!.rdata], [192, 0, 2, 1])
    session.close()
    const request = requestHttps({ host: '127.0.0.1', port: ports.doh, servername: 'dns.test', ca, agent: false, path: `/dns-query?dns=${packet.toString('base64url')}` }).end()
    const [response] = await once(request, 'response')
    assert.deepEqual([response.statusCode, response.httpVersion, response.headers['content-length']], [200, '1.1', String(body.length)])
    response.resume()
  })

  test('what is no query, and a query without an answer', async () => {
    const ask = async (path: string, init: RequestInit = {}) => {
      const reply = await fetch(`http://127.0.0.1:${ports.plain}${path}`, init)
      return [reply.status, await reply.text()]
    }
    const dns = query('a.example.').toString('base64url')
    assert.deepEqual(await ask(`/dns-query?dns=${dns}`), [500, 'No response\n'])
    assert.deepEqual(await ask('/dns-query?dns=AAAA'), [400, 'invalid request\n'])
    assert.deepEqual(await ask(`/dns-query?dns=${dns}`, { method: 'PUT' }), [400, 'invalid request\n'])
    assert.deepEqual(await ask('/dns-query', { method: 'POST', body: Buffer.alloc(70_000) }), [400, 'invalid request\n'])
    assert.deepEqual(await ask('/'), [404, '\n'])
  })

  test('connections beyond the limit are closed', async () => {
    const sockets: TLSSocket[] = []
    for (let i = 0; i < 5; i++) sockets.push(await open(ports.doh))
    const left = sockets.filter((socket) => !socket.destroyed).length
    // Connections of tests before this one may not have gone yet.
    assert.ok(left >= 1 && left <= 3, String(left))
    assert.equal(sockets.at(-1)!.destroyed, true)
    for (const socket of sockets) socket.destroy()
  })

  test('a reload reads the files again, and connections survive it', async () => {
    const socket = await open(ports.dot)
    writeFileSync(join(folder, 'server.pem'), 'no certificate')
    writeFileSync(join(folder, 'Corefile'), corefile('log'))
    program.child.kill('SIGUSR1')
    await until(() => /Restart failed: .*Corefile:\d+:\d+: tls: could not load TLS cert: /.test(program.output), START_MS)
    writeFileSync(join(folder, 'server.pem'), Buffer.concat([own.cert, ca]))
    program.child.kill('SIGUSR1')
    await until(() => /Reloading complete/.test(program.output), START_MS)
    assert.equal((await askStream(socket, 'a.example.'))!.answers.length, 1)
    const fresh = await open(ports.dot)
    assert.notEqual(fresh.getPeerX509Certificate()!.issuerCertificate, undefined)
    for (const each of [socket, fresh]) each.destroy()
  })

  test('other schemes are refused with what to do', async () => {
    writeFileSync(join(folder, 'Other'), 'quic://. {\nwhoami\n}\n')
    const other = Program.start(`${CLUSTER} -conf ${folder}/Other`)
    assert.equal(await other.exit(START_MS), 1)
    assert.match(other.output, /Other:1:1: quic:\/\/\.: .*use https:\/\/ or put a proxy in front/)
  })
})
