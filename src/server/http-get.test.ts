import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HttpGetter } from './http-get.ts'

describe('the client of the self-probe', () => {
  const closers: (() => void)[] = []
  after(() => { for (const close of closers) close() })

  /** `answer` gets the number of the connection. */
  async function serve(answer: (socket: Socket, connection: number) => void): Promise<{ readonly getter: HttpGetter; connections(): number }> {
    let connections = 0
    const server = createServer((socket) => {
      const connection = ++connections
      socket.on('error', () => undefined)
      socket.on('data', () => answer(socket, connection))
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const getter = new HttpGetter(`http://127.0.0.1:${(server.address() as AddressInfo).port}/health`)
    closers.push(() => {
      getter.close()
      server.close()
    })
    return { getter, connections: () => connections }
  }

  test('asks a server of Node\'s again and again on one connection', async () => {
    const sockets = new Set<Socket>()
    const asked: string[] = []
    const server = createHttpServer((request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.host?.split(':')[0]}`)
      response.writeHead(asked.length < 3 ? 200 : 503, { 'content-length': '2' }).end('OK')
    }).on('connection', (socket) => sockets.add(socket)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const getter = new HttpGetter(`http://127.0.0.1:${(server.address() as AddressInfo).port}/health?x=1`)
    const warnings: Error[] = []
    const warned = (warning: Error) => warnings.push(warning)
    process.on('warning', warned)
    assert.deepEqual([await getter.get(2000), await getter.get(2000), await getter.get(2000)], [200, 200, 503])
    // More often than an emitter takes listeners without a warning.
    for (let i = 0; i < 12; i++) await getter.get(2000)
    process.off('warning', warned)
    assert.deepEqual(warnings, [])
    assert.deepEqual(asked, Array.from({ length: 15 }, () => 'GET /health?x=1 127.0.0.1'))
    assert.equal(sockets.size, 1)
    getter.close()
    server.close()
  })

  test('a reply in pieces is one, and so is one without a length', async () => {
    const pieces = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r')
      setTimeout(() => socket.write('\nab'), 20)
      setTimeout(() => socket.write('cd'), 40)
    })
    assert.deepEqual([await pieces.getter.get(2000), await pieces.getter.get(2000), pieces.connections()], [200, 200, 1])
    const endless = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\n\r\nabc'))
    assert.deepEqual([await endless.getter.get(2000), await endless.getter.get(2000), endless.connections()], [200, 200, 2])
  })

  test('a connection that the server has ended is no failure of the server', async () => {
    const { getter, connections } = await serve((socket, connection) => {
      if (connection === 1) setTimeout(() => socket.resetAndDestroy(), 20)
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
    assert.equal(await getter.get(2000), 200)
    await new Promise((resolve) => { setTimeout(resolve, 100) })
    assert.equal(await getter.get(2000), 200)
    assert.equal(connections(), 2)
  })

  test('a server that resets instead of answering once more is asked on a new connection', async () => {
    let asked = 0
    const { getter } = await serve((socket) => {
      if (++asked === 2) socket.resetAndDestroy()
      else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
    assert.deepEqual([await getter.get(2000), await getter.get(2000)], [200, 200])
  })

  test('silence, nonsense, an end and nobody there are failures, after which it asks anew', async () => {
    let answer = ''
    const { getter } = await serve((socket) => { if (answer !== '') socket.end(answer) })
    await assert.rejects(getter.get(50), /no answer within 50 ms/)
    answer = 'x'.repeat(20_000)
    await assert.rejects(getter.get(2000), /no HTTP/)
    answer = 'HTTP/1.1 20'
    await assert.rejects(getter.get(2000), /ended the connection/)
    answer = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
    assert.equal(await getter.get(2000), 200)
    await assert.rejects(new HttpGetter('http://127.0.0.1:1/health').get(2000), { code: 'ECONNREFUSED' })
  })
})
