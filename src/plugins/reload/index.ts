import { formatDuration, parseDuration } from '../../base/duration.ts'
import { checkCount, firstLine, placeOf, refuseBlock, type Place } from '../../corefile/options.ts'
import type { Plugin } from '../../core/plugin.ts'

const DEFAULT_INTERVAL_MS = 30_000
const DEFAULT_JITTER_MS = 15_000
const MIN_INTERVAL_MS = 2000
const MIN_JITTER_MS = 1000

export const reloadPlugin: Plugin = {
  name: 'reload',
  parse(directive) {
    const line = firstLine(directive.lines)
    const place: Place = placeOf('reload', line.token)
    checkCount(line.args, 0, 2, place)
    refuseBlock(line, place)
    const [interval, jitter] = line.args
    const intervalMs = interval === undefined ? DEFAULT_INTERVAL_MS : parseDuration(interval.text)
    if (intervalMs === undefined) place.fail(`invalid interval "${interval!.text}"; write a duration such as 30s`, interval)
    if (intervalMs < MIN_INTERVAL_MS) place.fail(`interval value must be greater or equal to ${formatDuration(MIN_INTERVAL_MS)}`, interval)
    const jitterMs = jitter === undefined ? DEFAULT_JITTER_MS : parseDuration(jitter.text)
    if (jitterMs === undefined) place.fail(`invalid jitter "${jitter!.text}"; write a duration such as 15s`, jitter)
    if (jitterMs !== 0 && jitterMs < MIN_JITTER_MS) place.fail(`jitter value must be 0s, or greater or equal to ${formatDuration(MIN_JITTER_MS)}`, jitter)
    return { settings: { reload: { intervalMs, jitterMs: Math.min(jitterMs, intervalMs / 2) } } }
  },
}
