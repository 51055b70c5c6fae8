import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** A listen error that says what to do about it: who holds the port, or which privilege is missing. `where`: how to choose another. */
export function portTaken(error: unknown, protocol: 'udp' | 'tcp', address: string, port: number, where: string): Error {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const place = `${protocol} ${address.includes(':') ? `[${address}]` : address}:${port}`
  return Object.assign(new Error(`cannot listen on ${place}: ${advice(code, protocol, port, where, error)}`, { cause: error }), { code })
}

function advice(code: string, protocol: 'udp' | 'tcp', port: number, where: string, error: unknown): string {
  if (code === 'EADDRINUSE') {
    const holder = findHolder(protocol, port)
    return `the port is taken by ${holder ?? 'another process (run as root to see which)'}; stop it, or choose another port ${where}`
  }
  if (code === 'EACCES') return 'permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, or the sysctl net.ipv4.ip_unprivileged_port_start=0'
  if (code === 'EADDRNOTAVAIL') return 'no interface has this address; add it, or correct the Corefile'
  return error instanceof Error ? error.message : String(error)
}

/** `pid 12 (named)`, found through /proc as far as this process may look. */
function findHolder(protocol: 'udp' | 'tcp', port: number): string | undefined {
  const inodes = new Set(['', '6'].flatMap((family) => socketInodes(`/proc/net/${protocol}${family}`, port)))
  if (inodes.size === 0) return undefined
  for (const pid of listOf('/proc')) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue
    const holds = listOf(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1]
      return inode !== undefined && inodes.has(inode)
    })
    if (holds) return `pid ${pid} (${textOf(`/proc/${pid}/comm`).trim()})`
  }
  return undefined
}

/** Inodes of sockets bound to a port; TCP sockets only while they listen (state 0A). */
function socketInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return textOf(table).split('\n').slice(1).flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    const bound = fields[1]?.endsWith(`:${wanted}`) === true
    const listens = !table.includes('tcp') || fields[3] === '0A'
    return bound && listens && fields[9] !== undefined ? [fields[9]] : []
  })
}

// Processes come and go while we look, and other users' are closed to us: what cannot be read is not the holder we can name.
function listOf(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
