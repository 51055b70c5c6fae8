import type { Streams } from '../core/env.ts'
import { isAvailable, loadLibc, type Libc } from '../native/libc.ts'
import { OPTION } from '../native/socket-options.ts'
import { handleOf } from './descriptor.ts'

const ON = Uint8Array.of(1, 0, 0, 0)
const NOTHING = (): void => undefined

/** What libc adds to Node's connections; nothing where it is not to be had. */
export class SystemStreams implements Streams {
  #libc: Libc | undefined

  constructor() {
    void loadLibc().then((libc) => {
      if (isAvailable(libc)) this.#libc = libc
    })
  }

  acknowledger(socket: object): () => void {
    const libc = this.#libc
    const handle = handleOf(socket)
    if (libc === undefined || handle === undefined) return NOTHING
    const { level, number } = OPTION.TCP_QUICKACK
    return () => {
      // A handle that is closed has no descriptor any more. That the kernel does not know the option costs only time.
      const fd = handle.fd ?? -1
      if (fd >= 0) libc.setsockopt(fd, level, number, ON, ON.length)
    }
  }
}
