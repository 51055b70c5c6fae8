import { sleep } from '../../base/clock.ts'
import type { Source } from '../../cluster/source/source.ts'
import type { Env } from '../../core/env.ts'

const CHECK_MS = 20
const SAY_MS = 500

/** Waits until all objects have been seen, for as long as allowed; then serves with what there is (specification 3.23.7). */
export async function awaitSync(source: Source, timeoutMs: number, env: Env): Promise<void> {
  const startMs = env.clock.nowMs()
  let saidMs = startMs
  while (!source.synced) {
    const now = env.clock.nowMs()
    if (now - startMs >= timeoutMs) {
      env.log.warning('starting server with unsynced Kubernetes API')
      return
    }
    if (now - saidMs >= SAY_MS) {
      saidMs = now
      env.log.info('waiting for Kubernetes API before starting server')
    }
    await sleep(env.clock, CHECK_MS)
  }
}
