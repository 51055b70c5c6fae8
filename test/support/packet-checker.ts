/** A thread that reads the packet cache as fast as it can and knows what is right for every name: see packet-store.test.ts. */
import { parentPort, workerData } from 'node:worker_threads'
import { PacketMemory } from '../../src/server/mmsg/packet-memory.ts'
import { PacketReader } from '../../src/server/mmsg/packet-reader.ts'
import { answer, out, packetFor } from './packet-desk.ts'

const { memory, stop, number, names, key } = workerData as { memory: SharedArrayBuffer; stop: Int32Array; number: number; names: number; key: { k0: number; k1: number } }
const reader = new PacketReader(new PacketMemory(memory), key)
const packets = Array.from({ length: names }, (_, i) => packetFor(`name${i}.example.org.`))
let hits = 0
const wrong: string[] = []

for (let round = 0; Atomics.load(stop, 0) === 0 && wrong.length < 5; round++) {
  for (const [i, packet] of packets.entries()) {
    const length = answer(reader, packet)
    if (length === 0) continue
    hits++
    Atomics.store(stop, 1 + number, hits)
    // Name i has records of octets that are i modulo `names`, all of one generation, and as many records as its generation says.
    const records = out.bytes[7]!
    const at = 12 + (packet.length - 12)
    const size = (length - at) / records
    const octet = out.bytes[length - 1]!
    let torn = octet % names !== i || records !== 1 + (octet % 5)
    for (let k = 0; k < records; k++) for (let j = 1; j <= 4; j++) torn ||= out.bytes[at + size * (k + 1) - j] !== octet
    for (let j = 0; j < packet.length - 12; j++) torn ||= out.bytes[12 + j] !== packet.bytes[12 + j]
    if (torn) wrong.push(`round ${round}, name ${i}: ${Buffer.from(out.bytes.subarray(0, length)).toString('hex')}`)
  }
}
parentPort!.postMessage({ hits, wrong })
