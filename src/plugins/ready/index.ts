import { checkCount, oneOf, onlyLine, placeOf, readOptions } from '../../corefile/options.ts'
import { requireHostPort } from '../../corefile/host-port.ts'
import type { Env, HttpEndpoint, HttpReply } from '../../core/env.ts'
import type { Plugin, Stage } from '../../core/plugin.ts'
import { serveWhenFree } from '../../core/serve-when-free.ts'

const DEFAULT_ADDRESS = ':8181'

const READY_TABLE = {
  monitor: oneOf(['until-ready', 'continuously'] as const, {
    initial: 'until-ready',
    help: 'whether a plugin that was ready once is asked again (default until-ready: it is not)',
    unknown: (word) => `monitor type '${word}' not supported`,
  }),
}

/** What all `ready` directives of the process share per address: the stages that have something to say, by block. */
interface Board {
  readonly stages: Set<Stage>
  readonly passed: WeakSet<Stage>
}

export const readyPlugin: Plugin = {
  name: 'ready',
  options: READY_TABLE,
  parse(directive) {
    const line = onlyLine(directive.lines, 'ready')
    const place = placeOf('ready', line.token)
    checkCount(line.args, 0, 1, place)
    const address = line.args[0]?.text ?? DEFAULT_ADDRESS
    requireHostPort(address, line.args[0] ?? line.token, 'ready')
    const { monitor } = readOptions(line.block, READY_TABLE, 'ready')
    return { build: (env) => new Ready(env, address, monitor === 'continuously') }
  },
}

/** `GET /ready` is 200 when every stage of the blocks that have `ready` is ready, 503 with the names of those that are not. */
class Ready implements Stage {
  readonly name = 'ready'
  readonly #env: Env
  readonly #address: string
  readonly #continuously: boolean
  readonly #board: Board
  #endpoint: HttpEndpoint | undefined

  constructor(env: Env, address: string, continuously: boolean) {
    this.#env = env
    this.#address = address
    this.#continuously = continuously
    this.#board = env.shared(`ready ${address}`, () => ({ stages: new Set(), passed: new WeakSet() }))
  }

  async start(): Promise<void> {
    this.#endpoint = await serveWhenFree(this.#env, this.#address, '/ready', (request) => this.#answer(new URLSearchParams(request.query).has('verbose')))
    for (const stage of this.#env.siblings()) if (stage.ready !== undefined) this.#board.stages.add(stage)
  }

  /** Whoever asks now must go elsewhere, while queries are still answered. */
  async drain(): Promise<void> {
    await this.stop()
  }

  async stop(): Promise<void> {
    for (const stage of this.#env.siblings()) this.#board.stages.delete(stage)
    await this.#endpoint?.close()
    this.#endpoint = undefined
  }

  #answer(verbose: boolean): HttpReply {
    const waiting = new Set<string>()
    for (const stage of this.#board.stages) {
      if (!this.#continuously && this.#board.passed.has(stage)) continue
      if (stage.ready!()) this.#board.passed.add(stage)
      else waiting.add(stage.name)
    }
    if (waiting.size === 0) return { status: 200, body: verbose ? this.#details() : 'OK' }
    const names = [...waiting].sort().join(',')
    this.#env.log.info(`Plugins not ready: "${names}"`)
    return { status: 503, body: names }
  }

  #details(): string {
    return [...this.#board.stages].map((stage) => `${stage.name}: ready${stage.readyDetail?.() === undefined ? '' : `; ${stage.readyDetail()}`}\n`).join('')
  }
}
