/** A longest event of a watch. Objects in the API are at most 1.5 MiB, in protobuf less. */
const FRAME_LIMIT_BYTES = 16 * 1024 * 1024
const LENGTH_BYTES = 4

/**
 * Splits a stream into frames with their length in four octets before them, as watches in protobuf are sent. What a frame lies in
 * is used again: it must be read before the next one is asked for. Throws for a frame that is longer than any object can be.
 */
export async function* framesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  /** Octets of a frame whose end has not come yet. */
  let held: Buffer = Buffer.alloc(0)
  let heldBytes = 0
  for await (const chunk of stream) {
    let rest: Buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    while (rest.length > 0) {
      if (heldBytes === 0 && rest.length >= LENGTH_BYTES && rest.length >= LENGTH_BYTES + frameLength(rest)) {
        const end = LENGTH_BYTES + frameLength(rest)
        yield rest.subarray(LENGTH_BYTES, end)
        rest = rest.subarray(end)
        continue
      }
      const wanted = heldBytes < LENGTH_BYTES ? LENGTH_BYTES : LENGTH_BYTES + frameLength(held)
      if (held.length < wanted) held = enlarge(held, heldBytes, wanted)
      const taken = rest.copy(held, heldBytes, 0, wanted - heldBytes)
      heldBytes += taken
      rest = rest.subarray(taken)
      if (heldBytes < wanted || wanted !== LENGTH_BYTES + frameLength(held)) continue
      yield held.subarray(LENGTH_BYTES, wanted)
      heldBytes = 0
    }
  }
}

function frameLength(bytes: Buffer): number {
  const length = bytes.readUInt32BE(0)
  if (length > FRAME_LIMIT_BYTES) throw new Error(`a frame of ${length} octets in the watch`)
  return length
}

function enlarge(held: Buffer, used: number, wanted: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(wanted, 4096))
  held.copy(larger, 0, 0, used)
  return larger
}
