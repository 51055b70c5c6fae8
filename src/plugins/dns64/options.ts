import { parsePrefix, type Prefix } from '../../base/ip.ts'
import { applyOptions, checkCount, flag, initialValues, placeOf, row, type Place } from '../../corefile/options.ts'
import type { Directive, Token } from '../../corefile/tree.ts'

/** The well-known prefix (RFC 6052 2.1). */
const WELL_KNOWN = parsePrefix('64:ff9b::/96')!

export interface Dns64Options {
  readonly prefix: Prefix
  readonly translateAll: boolean
  readonly allowIpv4: boolean
}

export const DNS64_TABLE = {
  prefix: row({ form: 'PREFIX', help: 'where to put IPv4 addresses; its length is a multiple of 8 from 32 to 96 (default 64:ff9b::/96)', initial: WELL_KNOWN, read: ([arg], place) => readPrefix(arg!, place) }),
  translate_all: flag({ help: 'translate even names that have AAAA records' }),
  allow_ipv4: flag({ help: 'translate for clients that ask over IPv4 too' }),
}

/** Throws ConfigError. */
export function parseDns64(directive: Directive): Dns64Options {
  const values = initialValues(DNS64_TABLE)
  for (const line of directive.lines) {
    const place: Place = placeOf('dns64', line.token)
    checkCount(line.args, 0, 1, place)
    // With the prefix on the directive's own line CoreDNS does not look at the block, so neither do we.
    if (line.args[0] !== undefined) values.prefix = readPrefix(line.args[0], place)
    else applyOptions(line.block ?? [], DNS64_TABLE, 'dns64', values)
  }
  return { prefix: values.prefix, translateAll: values.translate_all, allowIpv4: values.allow_ipv4 }
}

function readPrefix(token: Token, place: Place): Prefix {
  const prefix = parsePrefix(token.text)
  if (prefix === undefined || !token.text.includes('/')) place.fail(`invalid prefix "${token.text}"; write an IPv6 network such as 64:ff9b::/96`, token)
  if (prefix.bytes.length !== 16) place.fail(`"${token.text}" is not an IPv6 network`, token)
  if (prefix.bits % 8 !== 0 || prefix.bits < 32 || prefix.bits > 96) place.fail(`invalid prefix length ${prefix.bits}; a multiple of 8 from 32 to 96 wanted`, token)
  return prefix
}
