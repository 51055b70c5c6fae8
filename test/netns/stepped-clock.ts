/**
 * Loaded before the agent by --import, in all of its threads: every three seconds the wall clock is stepped, by an hour forward, by two back, and
 * forward again. Clocks that nobody sets go on as ever.
 */
const HOUR_MS = 3_600_000
const STEP_MS = 3000
const OFFSETS = [0, HOUR_MS, -HOUR_MS] as const
const Unstepped = Date

function offsetMs(): number {
  return OFFSETS[Math.floor(Number(process.hrtime.bigint() / 1_000_000n) / STEP_MS) % OFFSETS.length]!
}

class SteppedDate extends Unstepped {
  constructor(...given: []) {
    if (given.length === 0) super(SteppedDate.now())
    else super(...given)
  }

  static override now(): number {
    return Unstepped.now() + offsetMs()
  }
}

globalThis.Date = SteppedDate as DateConstructor
