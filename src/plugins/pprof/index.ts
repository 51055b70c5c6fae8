import { requireHostPort } from '../../corefile/host-port.ts'
import { checkCount, onlyLine, placeOf, readInteger, readOptions, row } from '../../corefile/options.ts'
import type { Env, HttpEndpoint, HttpReply } from '../../core/env.ts'
import type { Plugin, Stage } from '../../core/plugin.ts'

const DEFAULT_ADDRESS = 'localhost:6053'
const ROOT = '/debug/pprof/'
const DEFAULT_SECONDS = 30
const SECONDS_LIMIT = 300

const PPROF_TABLE = {
  block: row({
    min: 0, form: '[RATE]', help: 'taken for compatibility: nothing here blocks', initial: 0,
    read: ([arg], place) => (arg === undefined ? 1 : readInteger(arg, -Infinity, Infinity, place)),
  }),
}

export const pprofPlugin: Plugin = {
  name: 'pprof',
  options: PPROF_TABLE,
  parse(directive) {
    const line = onlyLine(directive.lines, 'pprof')
    checkCount(line.args, 0, 1, placeOf('pprof', line.token))
    const address = line.args[0]?.text ?? DEFAULT_ADDRESS
    requireHostPort(address, line.args[0] ?? line.token, 'pprof')
    readOptions(line.block, PPROF_TABLE, 'pprof')
    return { build: (env) => new Pprof(env, address) }
  },
}

const INDEX = `${ROOT}

heap      a snapshot of the heap, for the Memory panel of Chromium's developer tools (.heapsnapshot)
profile   where the time goes, for ?seconds=30, for the Performance panel (.cpuprofile)
`

/** Profiles of the program over HTTP, at the paths of Go's net/http/pprof, in the formats of V8. */
class Pprof implements Stage {
  readonly name = 'pprof'
  readonly #env: Env
  readonly #address: string
  #endpoints: readonly HttpEndpoint[] = []
  /** One at a time: a profile is work, and two would show each other. */
  #busy = false

  constructor(env: Env, address: string) {
    this.#env = env
    this.#address = address
  }

  async start(): Promise<void> {
    const { http, host: { profiler } } = this.#env
    this.#endpoints = await Promise.all([
      http.serve(this.#address, ROOT, () => ({ status: 200, body: INDEX })),
      http.serve(this.#address, `${ROOT}heap`, () => this.#alone('heap.heapsnapshot', () => profiler.heapSnapshot())),
      http.serve(this.#address, `${ROOT}profile`, ({ query }) => {
        const seconds = secondsOf(query)
        if (seconds === undefined) return { status: 400, body: `seconds: a number from 1 to ${SECONDS_LIMIT} is wanted\n` }
        return this.#alone('cpu.cpuprofile', () => profiler.cpuProfile(seconds * 1000))
      }),
    ])
  }

  async stop(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()))
  }

  async #alone(file: string, profile: () => Promise<string>): Promise<HttpReply> {
    if (this.#busy) return { status: 503, body: 'another profile is being taken\n' }
    this.#busy = true
    try {
      return { status: 200, body: await profile(), type: 'application/json', headers: { 'content-disposition': `attachment; filename="${file}"` } }
    } finally {
      this.#busy = false
    }
  }
}

function secondsOf(query: string): number | undefined {
  const text = new URLSearchParams(query).get('seconds') ?? String(DEFAULT_SECONDS)
  const seconds = /^\d{1,4}$/.test(text) ? Number(text) : 0
  return seconds >= 1 && seconds <= SECONDS_LIMIT ? seconds : undefined
}
