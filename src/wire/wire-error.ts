import type { Message } from './message.ts'

/** Why octets are no DNS message, or a message has no octets. */
export class WireError extends Error {
  /** Stable word for the kind of error: `short`, `bad-pointer`, `long-name` … */
  readonly code: string
  /** Where in the packet, or in the text. */
  readonly offset: number
  /** What had been read when the error was met. */
  partial: Message | undefined

  constructor(code: string, offset: number, text: string) {
    super(text)
    this.name = 'WireError'
    this.code = code
    this.offset = offset
  }
}
