import type { Log } from '../base/log.ts'

type Value = string | number | boolean

/** One line for each change of the kernel's state: `node-state: event="rules in force" table="inet hearth-1a2b3c4d" owner=true`. */
export class StateLog {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log.named('node-state')
  }

  changed(event: string, fields: Readonly<Record<string, Value>> = {}): void {
    this.#log.info(line(event, fields))
  }

  /** The state is worse than it should be. */
  degraded(event: string, fields: Readonly<Record<string, Value>>): void {
    this.#log.warning(line(event, fields))
  }

  failed(event: string, fields: Readonly<Record<string, Value>>): void {
    this.#log.error(line(event, fields))
  }
}

function line(event: string, fields: Readonly<Record<string, Value>>): string {
  return [`event=${quoted(event)}`, ...Object.entries(fields).map(([name, value]) => `${name}=${typeof value === 'string' ? quoted(value) : String(value)}`)].join(' ')
}

function quoted(text: string): string {
  return /^[\w.:/@-]+$/.test(text) ? text : JSON.stringify(text)
}
