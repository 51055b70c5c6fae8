/**
 * The floor of the mmsg engine: receives and sends as it does, and does nothing between but turn queries into replies. `echo.ts PORT`.
 */
import { Datagrams, MSG, sendAll } from '../../src/native/datagrams.ts'
import { isAvailable, loadLibc } from '../../src/native/libc.ts'
import { openUdpSocket } from '../../src/native/udp-socket.ts'

const BATCH = 64
const libc = await loadLibc()
if (!isAvailable(libc)) throw new Error(libc.unavailable)
const fd = openUdpSocket(libc, Uint8Array.of(127, 0, 0, 1), Number(process.argv[2]), { bothFamilies: false, receiveBufferBytes: 4 * 1024 * 1024, receiveTimeoutMs: 100, packetInfo: false })
const row = new Datagrams(libc, BATCH, 4096)
const out = new Datagrams(libc, BATCH, 2048)
const { bytes, words } = row.memory
for (;;) {
  const count = libc.recvmmsg(fd, row.memory.base, BATCH, MSG.WAITFORONE, 0)
  for (let i = 0; i < count; i++) {
    const length = Math.min(2048, row.received(i))
    const [from, to] = [row.data(i), out.data(i)]
    bytes[from + 2]! |= 0x80
    for (let word = 0; word < (length + 3) >> 2; word++) out.memory.words[(to >> 2) + word] = words[(from >> 2) + word]!
    out.setLength(i, length)
    out.replyTo(i, row, i)
    row.rearm(i)
  }
  if (count > 0) sendAll(libc, fd, out, count, 0)
}
