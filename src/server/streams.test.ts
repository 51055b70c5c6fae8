import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { isAvailable, loadLibc } from '../native/libc.ts'
import { getOption, OPTION } from '../native/socket-options.ts'
import { descriptorOf } from './descriptor.ts'
import { SystemStreams } from './streams.ts'

test('a connection that talks back and forth delays acknowledgements, until it is told not to; one that is closed does nothing', async (context) => {
  const libc = await loadLibc()
  assert.ok(isAvailable(libc))
  const server = createServer((peer) => peer.pipe(peer)).listen(0, '127.0.0.1')
  context.after(() => server.close())
  await once(server, 'listening')
  const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  for (let i = 0; i < 40; i++) {
    socket.write('question')
    await once(socket, 'data')
  }
  const streams = new SystemStreams()
  await new Promise((resolve) => setImmediate(resolve))
  const acknowledge = streams.acknowledger(socket)
  const isAtOnce = () => getOption(libc, descriptorOf(socket)!, OPTION.TCP_QUICKACK)
  assert.equal(isAtOnce(), 0)
  acknowledge()
  assert.equal(isAtOnce(), 1)
  socket.destroy()
  await once(socket, 'close')
  acknowledge()
})
