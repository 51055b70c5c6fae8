import { Session } from 'node:inspector/promises'
import { text } from 'node:stream/consumers'
import { getHeapSnapshot } from 'node:v8'
import type { Profiler } from '../core/env.ts'

/** Profiles of this process. They cost nothing until somebody asks: the inspector opens no port. */
export const systemProfiler: Profiler = {
  heapSnapshot: () => text(getHeapSnapshot()),
  async cpuProfile(ms) {
    const session = new Session()
    session.connect()
    try {
      await session.post('Profiler.enable')
      await session.post('Profiler.start')
      await new Promise((resolve) => {
        setTimeout(resolve, ms)
      })
      return JSON.stringify((await session.post('Profiler.stop')).profile)
    } finally {
      session.disconnect()
    }
  },
}
