import { flag, initialValues, integer, applyOptions, onlyLine, placeOf, readZones } from '../../corefile/options.ts'
import type { Directive } from '../../corefile/tree.ts'
import type { Name } from '../../wire/name.ts'
import type { Kind } from './kind.ts'

/** In place of a number that is not given: that of `responses-per-second`. */
const AS_RESPONSES = -1
const MOST_PER_SECOND = 1_000_000

export interface RrlOptions {
  readonly zones: readonly Name[]
  readonly windowSeconds: number
  readonly prefixBits: { readonly v4: number; readonly v6: number }
  /** Replies of a kind to one prefix in a second; 0 for no limit. */
  readonly perSecond: Readonly<Record<Kind, number>>
  /** One of so many goes out truncated instead; 0 for none. */
  readonly slipRatio: number
  readonly accounts: number
  readonly reportOnly: boolean
}

const allowance = (help: string) => integer({ min: 0, max: MOST_PER_SECOND, initial: AS_RESPONSES, help: `${help}; 0 for no limit (default: that of responses-per-second)` })

export const RRL_TABLE = {
  window: integer({ min: 1, max: 3600, initial: 15, form: 'SECONDS', help: 'who has asked too much for so long is let in again after as long (default 15)' }),
  'ipv4-prefix-length': integer({ min: 1, max: 32, initial: 24, form: 'BITS', help: 'clients with so many equal bits are one (default 24; 32 for each address)' }),
  'ipv6-prefix-length': integer({ min: 1, max: 128, initial: 56, form: 'BITS', help: 'the same for IPv6 (default 56)' }),
  'responses-per-second': integer({ min: 0, max: MOST_PER_SECOND, initial: 0, help: 'equal answers to one client; 0 for no limit, which is the default' }),
  'nodata-per-second': allowance('equal answers without what was asked for'),
  'nxdomains-per-second': allowance('names that do not exist, of one zone'),
  'referrals-per-second': allowance('referrals to other servers'),
  'errors-per-second': allowance('errors of whatever kind'),
  'slip-ratio': integer({ min: 0, max: 1000, initial: 2, help: 'of N replies that are too many one goes out empty and truncated, so that a client that is none of a forger\'s asks again over TCP; 0 for none (default 2)' }),
  'max-table-size': integer({ min: 64, max: 1_000_000, initial: 16_384, help: 'accounts that are kept, 20 octets each; of more, the oldest are forgotten (default 16384)' }),
  'report-only': flag({ help: 'count what would be too much, and answer all the same' }),
}

/** `rrl [ZONES...] { … }`. Throws ConfigError. */
export function parseRrl(directive: Directive, blockZones: readonly Name[]): RrlOptions {
  const line = onlyLine(directive.lines, 'rrl')
  const place = placeOf('rrl', line.token)
  const values = initialValues(RRL_TABLE)
  applyOptions(line.block ?? [], RRL_TABLE, 'rrl', values)
  const responses = values['responses-per-second']
  const orResponses = (value: number) => (value === AS_RESPONSES ? responses : value)
  const perSecond = {
    answer: responses,
    nodata: orResponses(values['nodata-per-second']),
    nxdomain: orResponses(values['nxdomains-per-second']),
    referral: orResponses(values['referrals-per-second']),
    error: orResponses(values['errors-per-second']),
  }
  if (Object.values(perSecond).every((value) => value === 0)) place.fail('limits nothing; write responses-per-second with a number, or another of its kind')
  return {
    zones: line.args.length === 0 ? blockZones : readZones(line.args, place),
    windowSeconds: values.window,
    prefixBits: { v4: values['ipv4-prefix-length'], v6: values['ipv6-prefix-length'] },
    perSecond,
    slipRatio: values['slip-ratio'],
    accounts: values['max-table-size'],
    reportOnly: values['report-only'],
  }
}
