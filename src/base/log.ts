/** Log lines as CoreDNS writes them: a level, no time. `[INFO] plugin/reload: text`. */
export interface Log {
  debug(text: string): void
  info(text: string): void
  warning(text: string): void
  error(text: string): void
  /** Says why the process is about to end; ending it is the caller's part. */
  fatal(text: string): void
  /** A line that is whole as it is, without a level: JSON. */
  line(text: string): void
  /** The same sink with `prefix: ` before every text. */
  named(prefix: string): Log
}

export type Level = 'DEBUG' | 'INFO' | 'WARNING' | 'ERROR' | 'FATAL'

/** Takes one finished line without its line end. */
export type Sink = (line: string) => void

/** A log over a sink. Debug lines appear only while `debugOn()` is true. */
export function makeLog(sink: Sink, debugOn: () => boolean = () => false, prefix = ''): Log {
  const write = (level: Level, text: string) => sink(`[${level}] ${prefix}${text}`)
  return {
    debug: (text) => { if (debugOn()) write('DEBUG', text) },
    info: (text) => write('INFO', text),
    warning: (text) => write('WARNING', text),
    error: (text) => write('ERROR', text),
    fatal: (text) => write('FATAL', text),
    line: sink,
    named: (name) => makeLog(sink, debugOn, `${prefix}${name}: `),
  }
}

/** A log that keeps its lines, for tests. */
export class MemoryLog implements Log {
  readonly lines: string[] = []
  readonly #log = makeLog((line) => { this.lines.push(line) }, () => true)

  debug(text: string): void { this.#log.debug(text) }
  info(text: string): void { this.#log.info(text) }
  warning(text: string): void { this.#log.warning(text) }
  error(text: string): void { this.#log.error(text) }
  fatal(text: string): void { this.#log.fatal(text) }
  line(text: string): void { this.#log.line(text) }
  named(prefix: string): Log { return this.#log.named(prefix) }
}
