import { ConfigError } from './error.ts'
import type { Token } from './tree.ts'

/** Throws ConfigError unless the text is `host:port`, `[v6]:port` or `:port`. */
export function requireHostPort(address: string, token: Token, directive: string): void {
  const port = /^(?:\[[^\]]*\]|[^:\s]*):(\d{1,5})$/.exec(address)?.[1]
  if (port !== undefined && Number(port) < 65_536) return
  throw new ConfigError(token, directive, `address ${address}: ${address.includes(':') ? 'not of the form host:port' : 'missing port in address'}`)
}
