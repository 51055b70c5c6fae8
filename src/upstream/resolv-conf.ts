import { parseIp } from '../base/ip.ts'
import { parseName, type Name } from '../wire/name.ts'

export interface ResolvConf {
  /** Literal addresses, zone ids dropped. */
  readonly nameservers: readonly string[]
  /** Of the last `search` or `domain` line. */
  readonly search: readonly Name[]
}

/** resolv.conf(5). Lines that mean nothing to us, and words that are no address or name, are passed over, as resolvers do. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = []
  let search: Name[] = []
  for (const line of text.split('\n')) {
    const [word, ...values] = line.replace(/[#;].*/, '').trim().split(/\s+/)
    if (word === 'nameserver' && values[0] !== undefined) {
      const address = values[0].replace(/%.*/, '')
      if (parseIp(address) !== undefined) nameservers.push(address)
    } else if (word === 'search' || word === 'domain') {
      search = (word === 'domain' ? values.slice(0, 1) : values).flatMap((value) => parseName(value) ?? [])
    }
  }
  return { nameservers, search }
}
