/** A small DNS server for the demo's names outside the cluster: `upstream.ts ADDRESS PORT`, UDP and TCP. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { FrameReader } from '../../src/wire/frames.ts'
import { lowerName } from '../../src/wire/name.ts'
import { parseRecord } from '../../src/wire/record.ts'
import { Message } from '../../src/wire/message.ts'

const RECORDS = [
  'www.example.com. 300 IN A 198.51.100.10',
  'www.example.com. 300 IN AAAA 2001:db8::10',
  'pay.example.net. 60 IN CNAME gateway.example.net.',
  'gateway.example.net. 60 IN A 198.51.100.20',
  'example.com. 300 IN MX 10 mail.example.com.',
].map(parseRecord)
const SOA = parseRecord('. 60 IN SOA a.root. hostmaster.root. 1 7200 1800 86400 60')

const [address = '127.0.0.1', port = '53'] = process.argv.slice(2)
const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4')
udp.on('message', (packet, from) => udp.send(answer(packet), from.port, from.address))
udp.bind(Number(port), address)
const tcp = createServer((socket) => {
  const frames = new FrameReader()
  socket.on('error', () => socket.destroy())
  socket.on('data', (chunk) => {
    frames.push(chunk)
    for (let packet = frames.next(); packet !== undefined; packet = frames.next()) {
      const reply = answer(packet)
      socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 0xff), reply]))
    }
  })
})
tcp.listen(Number(port), address, () => process.stdout.write('ready\n'))

function answer(packet: Uint8Array): Uint8Array {
  const request = decodeMessage(packet)
  const reply = new Message()
  Object.assign(reply, { id: request.id, qr: true, rd: request.rd, ra: true, questions: request.questions })
  if (request.edns !== undefined) reply.edns = { ...request.edns, udpSize: 1232, options: [] }
  const question = request.questions[0]!
  let name = lowerName(question.name)
  for (let step = 0; step < 4; step++) {
    const alias = RECORDS.find((record) => record.name === name && record.type === 5)
    if (alias === undefined) break
    reply.answers.push(alias)
    name = RECORDS.find((record) => record !== alias && record.name.startsWith('gateway'))!.name
  }
  const known = RECORDS.filter((record) => record.name === name)
  reply.answers.push(...known.filter((record) => record.type === question.type))
  if (known.length === 0) reply.rcode = 3
  if (reply.answers.length === 0) reply.authorities.push(SOA)
  return encodeMessage(reply)
}
