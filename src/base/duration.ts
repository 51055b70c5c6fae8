/** Durations in Go's syntax, as Corefiles write them: `5s`, `1h30m`, `0.5s`, `-10ms`. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000,
}

/** Go refuses what does not fit 64 bits of nanoseconds (about 292 years). */
const LIMIT_MS = 2 ** 63 / 1e6

/** Milliseconds (fractional for units below), or undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const sign = text.startsWith('-') ? -1 : 1
  const body = /^[+-]/.test(text) ? text.slice(1) : text
  if (body === '0') return 0
  if (!/^((\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined
  let total = 0
  for (const [, digits, unit] of body.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(digits) * UNIT_MS[unit!]!
  }
  return total < LIMIT_MS ? sign * total : undefined
}

/** As Go prints a duration: `1h30m0s`, `1.5s`, `500ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s'
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 1e-3) return `${trim(ms * 1e6)}ns`
  if (ms < 1) return `${trim(ms * 1e3)}µs`
  if (ms < 1000) return `${trim(ms)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const minutes = Math.floor((ms % 3_600_000) / 60_000)
  const seconds = trim((ms % 60_000) / 1000)
  if (hours > 0) return `${hours}h${minutes}m${seconds}s`
  return minutes > 0 ? `${minutes}m${seconds}s` : `${seconds}s`
}

function trim(value: number): string {
  return String(Number(value.toFixed(9)))
}
