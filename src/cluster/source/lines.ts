/** A longest line of a watch: one object as JSON. Objects in the API are at most 1.5 MiB. */
const LINE_LIMIT_BYTES = 16 * 1024 * 1024

/** Splits a stream of octets at line breaks. Throws when a line is longer than any object can be. */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let parts: string[] = []
  let length = 0
  for await (const chunk of stream) {
    const pieces = decoder.decode(chunk, { stream: true }).split('\n')
    for (const [i, piece] of pieces.entries()) {
      parts.push(piece)
      length += piece.length
      if (length > LINE_LIMIT_BYTES) throw new Error(`a line of more than ${LINE_LIMIT_BYTES} octets in the watch`)
      if (i === pieces.length - 1) continue
      const line = parts.join('')
      parts = []
      length = 0
      if (line !== '') yield line
    }
  }
  const rest = parts.join('')
  if (rest !== '') yield rest
}
