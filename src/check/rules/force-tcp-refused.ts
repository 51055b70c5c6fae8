import { parseForward } from '../../plugins/forward/options.ts'
import type { Rule } from '../configuration.ts'

/** Resolvers that answer over UDP only. */
const UDP_ONLY: Readonly<Record<string, string>> = {
  '10.0.2.3': 'the resolver of VirtualBox\'s and QEMU\'s user-mode network',
  '192.168.64.1': 'the resolver of Apple\'s shared virtual network',
  '192.168.65.1': 'the resolver of Docker Desktop',
  '192.168.65.5': 'the resolver of Docker Desktop',
  '192.168.65.7': 'the resolver of Docker Desktop',
}

export const forceTcpRefused: Rule = {
  code: 'force-tcp-refused',
  look: ({ blocks }) => blocks.flatMap((block) => (block.sound('forward')?.lines ?? []).flatMap((line) => {
    const options = parseForward(line)
    if (!options.forceTcp) return []
    const token = line.block?.find((option) => option.token.text === 'force_tcp')?.token ?? line.token
    const refusing = options.targets.flatMap((target) => {
      if (target.kind === 'file-or-name') return target.text.startsWith('/') ? [`the servers of ${target.text}`] : []
      const who = UDP_ONLY[target.endpoint.address]
      return who === undefined ? [] : [`${target.endpoint.address}, ${who}`]
    })
    return refusing.map((who) => ({ token, message: `force_tcp to ${who}: such servers often answer over UDP only, and every query then fails after its timeout`, remedy: 'remove force_tcp, or write prefer_udp, which takes TCP for truncated answers only' }))
  })),
}
