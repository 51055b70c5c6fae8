import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { bytesOf } from './wishes.ts'

/** Whether a process other than this one has a UDP socket at one of these addresses and this port. */
export function strangersAt(addresses: readonly Uint8Array[], port: number): boolean {
  const places = new Set(addresses.map((address) => place(address, port)))
  const sockets = [...new Set(addresses.map(bytesOf))].flatMap((family) => boundAt(places, family === 4 ? '/proc/net/udp' : '/proc/net/udp6'))
  if (sockets.length === 0) return false
  const ours = ownSockets()
  return sockets.some((inode) => !ours.has(inode))
}

/** As the kernel prints it: each word of the address in the order of the machine, then the port. */
function place(address: Uint8Array, port: number): string {
  const words = Array.from({ length: address.length / 4 }, (_, i) => Buffer.from(address.subarray(i * 4, i * 4 + 4)).reverse().toString('hex'))
  return `${words.join('')}:${port.toString(16).padStart(4, '0')}`.toUpperCase()
}

/** Inodes of sockets: `sl local_address rem_address st queues timer retransmits uid timeout inode …`. */
function boundAt(places: ReadonlySet<string>, path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').map((line) => line.trim().split(/\s+/)).filter((fields) => places.has(fields[1] ?? '')).map((fields) => fields[9] ?? '')
}

function ownSockets(): Set<string> {
  const folder = '/proc/self/fd'
  const inodes = readdirSync(folder).map((fd) => {
    try {
      return /^socket:\[(\d+)\]$/.exec(readlinkSync(`${folder}/${fd}`))?.[1]
    } catch {
      // Closed since it was listed.
      return undefined
    }
  })
  return new Set(inodes.filter((inode) => inode !== undefined))
}
