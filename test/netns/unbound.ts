import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../../hack/lab/host.ts'
import { Resident } from '../../hack/lab/resident.ts'

/** Starts unbound at an address of a host, with its files below `folder`. `lines` are more of its `server:` clause: what it answers, and how. */
export function startUnbound(host: Host, folder: string, address: string, lines: string): Promise<Resident> {
  const directory = join(folder, address)
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'unbound.conf'), `server:
  interface: ${address}
  username: ""
  chroot: ""
  directory: "${directory}"
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  access-control: 0.0.0.0/0 allow
  module-config: "iterator"
  num-threads: 1
${lines}remote-control:
  control-enable: no
`)
  return Resident.start(`unbound ${address}`, host.spawn('unbound', ['-d', '-c', join(directory, 'unbound.conf')]), /start of service/)
}
