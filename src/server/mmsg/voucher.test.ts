import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { lacks } from '../../../test/support/needs.ts'
import { isAvailable, loadLibc } from '../../native/libc.ts'
import { getOption, OPTION, setOption } from '../../native/socket-options.ts'
import { openUdpSocket } from '../../native/udp-socket.ts'
import { Control } from './control.ts'
import { Voucher } from './voucher.ts'

const MARK = 0x3005

test('a worker takes the mark from its sockets while the main thread is silent, and gives it back', { skip: lacks({ root: true }) }, async () => {
  const libc = await loadLibc()
  assert.ok(isAvailable(libc))
  const fd = openUdpSocket(libc, Uint8Array.of(127, 0, 0, 1), 0, { bothFamilies: false, receiveBufferBytes: 65_536, receiveTimeoutMs: 0, packetInfo: false })
  setOption(libc, fd, OPTION.MARK, MARK)
  const control = new Control()
  const voucher = new Voucher(libc, control)
  const marked = () => {
    voucher.look([{ fd }])
    return getOption(libc, fd, OPTION.MARK)
  }
  await sleep(1200)
  assert.equal(marked(), MARK, 'before the first beat nobody relies on it')
  control.beat()
  assert.equal(marked(), MARK)
  await sleep(600)
  control.beat()
  assert.equal(marked(), MARK)
  await sleep(600)
  assert.equal(marked(), MARK, 'it was heard of 600 ms ago')
  await sleep(600)
  assert.equal(marked(), 0)
  assert.equal(marked(), 0)
  control.beat()
  assert.equal(marked(), MARK)
  libc.close(fd)
})
