import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { strangersAt } from './strangers.ts'

for (const { type, address, bytes } of [
  { type: 'udp4', address: '127.0.0.9', bytes: Uint8Array.of(127, 0, 0, 9) },
  { type: 'udp6', address: '::1', bytes: Uint8Array.from([...Array.from({ length: 15 }, () => 0), 1]) },
] as const) {
  test(`a socket of another process at ${address} is a stranger's, one of our own is not`, async () => {
    const socket = createSocket({ type, reusePort: true })
    socket.bind(0, address)
    await once(socket, 'listening')
    const { port } = socket.address()
    assert.equal(strangersAt([bytes], port), false)
    const child = spawn(process.execPath, ['-e', `require('dgram').createSocket({ type: '${type}', reusePort: true }).bind(${port}, '${address}', () => console.log('bound'))`], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(child.stdout, 'data')
      assert.equal(strangersAt([bytes], port), true)
      assert.equal(strangersAt([bytes], port + 1), false)
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    assert.equal(strangersAt([bytes], port), false)
    socket.close()
  })
}
