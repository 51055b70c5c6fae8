import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { execFile, spawn } from 'node:child_process'
import { describe, test } from 'node:test'
import { promisify } from 'node:util'
import { lacks } from '../../test/support/needs.ts'
import { isAvailable, loadLibc, type Libc } from './libc.ts'
import { boundAddress, openUdpSocket } from './udp-socket.ts'
import { decodeSocketAddress, encodeSocketAddress } from './socket-address.ts'
import { attachReuseportFilter, detachReuseportFilter, getOption, OPTION, setOption } from './socket-options.ts'

const OPTIONS = { bothFamilies: false, receiveBufferBytes: 65_536, receiveTimeoutMs: 2000, packetInfo: false } as const
const LOOPBACK = Uint8Array.of(127, 0, 0, 1)

async function libcHere(): Promise<Libc> {
  const libc = await loadLibc()
  assert.ok(isAvailable(libc), 'unavailable' in libc ? libc.unavailable : '')
  return libc
}

/** `BPF_RET | BPF_K`: always the same socket. */
const always = (index: number) => [{ code: 0x06, jumpTrue: 0, jumpFalse: 0, k: index }]

describe('libc through koffi', () => {
  test('a socket that is opened here is bound with the options asked for', async () => {
    const libc = await libcHere()
    const fd = openUdpSocket(libc, LOOPBACK, 0, { ...OPTIONS, packetInfo: true })
    assert.deepEqual([...boundAddress(libc, fd).address], [127, 0, 0, 1])
    assert.ok(boundAddress(libc, fd).port > 0)
    assert.equal(getOption(libc, fd, OPTION.REUSEPORT), 1)
    assert.equal(getOption(libc, fd, OPTION.IP_PKTINFO), 1)
    assert.equal(libc.close(fd), 0)
  })

  test('a failure carries the code of the system', async () => {
    const libc = await libcHere()
    assert.throws(() => openUdpSocket(libc, Uint8Array.of(192, 0, 2, 1), 0, OPTIONS), { code: 'EADDRNOTAVAIL', syscall: 'bind' })
    assert.throws(() => setOption(libc, 9999, OPTION.REUSEPORT, 1), { code: 'EBADF' })
    assert.equal(libc.close(9999), -1)
  })

  test('a filter gives all packets of a group to the socket that it names', async () => {
    const libc = await libcHere()
    const first = openUdpSocket(libc, LOOPBACK, 0, { ...OPTIONS, receiveTimeoutMs: 50 })
    const { port } = boundAddress(libc, first)
    const second = openUdpSocket(libc, LOOPBACK, port, { ...OPTIONS, receiveTimeoutMs: 50 })
    attachReuseportFilter(libc, first, always(1))
    for (let i = 0; i < 20; i++) await send(port, 'x')
    const data = Buffer.alloc(16)
    for (let i = 0; i < 20; i++) assert.equal(Number(libc.read(second, data, 16)), 1)
    assert.equal(Number(libc.read(first, data, 16)), -1)
    detachReuseportFilter(libc, first)
    assert.throws(() => detachReuseportFilter(libc, first), { code: 'ENOENT' })
    libc.close(first)
    libc.close(second)
  })

  test('socket addresses read as they were written', () => {
    for (const address of [LOOPBACK, Uint8Array.from({ length: 16 }, (_, i) => i)]) {
      assert.deepEqual(decodeSocketAddress(encodeSocketAddress(address, 5353)), { address: Buffer.from(address), port: 5353 })
    }
  })

  test('a reply longer than its way takes goes in fragments', { skip: lacks({ root: true, commands: ['unshare', 'ip'] }) }, async () => {
    const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href)
    const script = `import { createSocket } from 'node:dgram'
      import { Datagrams, MSG, sendAll } from ${module('./datagrams.ts')}
      import { loadLibc } from ${module('./libc.ts')}
      import { boundAddress, openUdpSocket } from ${module('./udp-socket.ts')}
      const libc = await loadLibc()
      for (const [family, host, address] of [['udp4', '127.0.0.1', Uint8Array.of(127, 0, 0, 1)], ['udp6', '::1', Uint8Array.from({ length: 16 }, (_, i) => i === 15 ? 1 : 0)], ['udp4', '127.0.0.1', new Uint8Array(16)]]) {
        const wildcard = address.every((octet) => octet === 0)
        const fd = openUdpSocket(libc, address, 0, { bothFamilies: wildcard, receiveBufferBytes: 65_536, receiveTimeoutMs: 2000, packetInfo: wildcard })
        const client = createSocket(family)
        const replies = []
        const twice = new Promise((resolve) => client.on('message', (reply) => replies.push(reply.length) === 2 && resolve()))
        await new Promise((resolve) => client.send('query', boundAddress(libc, fd).port, host, resolve))
        const [queries, out] = [new Datagrams(libc, 1, 64), new Datagrams(libc, 2, 4096)]
        if (libc.recvmmsg(fd, queries.address(0), 1, MSG.WAITFORONE, 0) !== 1) throw new Error('nothing came')
        for (const [i, length] of [4000, 700].entries()) {
          out.replyTo(i, queries, 0)
          out.setLength(i, length)
        }
        if (sendAll(libc, fd, out, 2, 0) !== 0) throw new Error('not sent')
        await twice
        console.log(replies.sort((a, b) => a - b).join(' '))
        client.close()
        libc.close(fd)
      }`
    const { stdout } = await promisify(execFile)('unshare', ['-n', 'sh', '-c', 'ip link set lo up mtu 1400 && exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script])
    assert.equal(stdout, '700 4000\n700 4000\n700 4000\n')
  })

  test('exit ends the process while a thread of it blocks in a system call', async () => {
    const libcUrl = JSON.stringify(new URL('./libc.ts', import.meta.url).href)
    const worker = `import { parentPort } from 'node:worker_threads'
      import { loadLibc } from ${libcUrl}
      const libc = await loadLibc()
      parentPort.postMessage('about to block')
      libc.poll(0, 0, 60_000)`
    const main = `import { Worker } from 'node:worker_threads'
      import { loadLibc } from ${libcUrl}
      const libc = await loadLibc()
      new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(worker)}))).on('message', () => setTimeout(() => libc.exit(7), 50))`
    const child = spawn(process.execPath, ['--input-type=module', '-e', main], { stdio: 'inherit' })
    const [status] = await once(child, 'exit') as [number]
    assert.equal(status, 7)
  })
})

async function send(port: number, text: string): Promise<void> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.send(text, port, '127.0.0.1', (error) => error === null ? resolve() : reject(error))
  })
  socket.close()
}
