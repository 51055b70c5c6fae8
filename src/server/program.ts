import { AdminPort, type AdminOptions } from '../admin/admin-port.ts'
import type { AgentState } from '../admin/state.ts'
import type { Plugin } from '../core/plugin.ts'
import { isReverse } from '../core/reverse.ts'
import { COMPATIBLE_VERSION } from '../core/version.ts'
import type { Corefile } from '../corefile/tree.ts'
import { isAvailable, loadLibc, type Libc, type NotAvailable } from '../native/libc.ts'
import { takeEarlySignals } from './early-signals.ts'
import { Pidfile } from './pidfile.ts'
import type { EngineChoice } from './udp-engine.ts'
import { Server } from './server.ts'
import { settleMemory, trimMemory } from './settle-memory.ts'
import { ServerView } from './view.ts'
import { openSystemWorld, type SystemWorld } from './world.ts'
import { cgroupLimit, describePlan, keepHeapTight, planMemory } from './memory-budget.ts'

/** Exit statuses, as CoreDNS uses them. */
const EXIT = { OK: 0, START: 1, FORCED: 2, STOP: 3 } as const
/** Ending takes at most this long beyond the lame duck: the kubelet's grace period is 30 s. */
const STOP_LIMIT_MS = 15_000

export interface Program {
  /** `hearth-cluster`, `hearth-node`. */
  readonly name: string
  readonly version: string
  readonly plugins: ReadonlyMap<string, Plugin>
  readonly quiet: boolean
  readonly pidfile: string | undefined
  readonly admin: AdminOptions
  /** How UDP is received and sent, and by how many packet workers. */
  readonly engine: EngineChoice
  readonly workers: number
  /** Octets that the program should keep to; default: what its cgroup allows. */
  readonly memoryBudget?: number | undefined
  /** Path of the Corefile, for the status page. */
  readonly corefile: string
  /** Parses the Corefile as it is now. */
  readonly read: () => Corefile
  /** What belongs to a node, for the status page. */
  agent?(): Promise<AgentState | undefined>
  /** Before anything listens: the agent adds its addresses. */
  prepare?(world: SystemWorld): Promise<void>
  /** Queries are answered now: the agent adds its rules. */
  serving?(world: SystemWorld, server: Server): Promise<void>
  /** TCP is closed, UDP still answers: the agent takes its rules back. */
  leaving?(): Promise<void>
  /** Nothing listens any more: the agent takes its addresses back. Also called when the start failed. */
  left?(): Promise<void>
}

/**
 * Runs a program from start to signal. Never resolves while it serves; ends the process itself:
 * 0 after an orderly stop, 1 when it cannot start, 2 on a second signal, 3 when something could not be stopped in order.
 */
export async function runProgram(program: Program): Promise<void> {
  const libc = await loadLibc()
  // process.exit waits for all threads, and a packet worker may sit in a system call; where something went wrong nothing is waited for.
  const exit = (status: number): never => (isAvailable(libc) && status !== EXIT.OK ? libc.exit(status) : process.exit(status))
  const world = openWorld(program, libc, exit)
  world.metrics.gauge('coredns_build_info', 'A metric with a constant \'1\' value labeled by version, revision, and goversion from which CoreDNS was built.', ['version', 'revision', 'goversion'])
    .with(COMPATIBLE_VERSION, `${program.name}-${program.version}`, `node-${process.version}`).set(1)
  for (const plugin of program.plugins.values()) plugin.series?.(world.metrics)
  const server = new Server({
    read: program.read,
    plugins: program.plugins,
    ...(program.leaving === undefined ? {} : { leaving: () => program.leaving!() }),
  }, world)
  const pidfile = new Pidfile(program.pidfile, world.clock)
  const life = new Life(program, server, world, pidfile, exit)
  const admin = new AdminPort(program.admin, new ServerView(program, server, world), world)
  // Until sockets are open nothing else keeps the process alive while it waits, for an API server say.
  setInterval(() => undefined, 2 ** 30)
  await admin.open()
  try {
    await program.prepare?.(world)
    await server.start()
    banner(program, server)
    pidfile.write()
    await program.serving?.(world, server)
    life.started()
    settleMemory(world.clock, world.log)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    await program.left?.()
    pidfile.remove()
    exit(EXIT.START)
  }
}

function openWorld(program: Program, libc: Libc | NotAvailable, exit: (status: number) => never): SystemWorld {
  try {
    const budgetBytes = program.memoryBudget ?? cgroupLimit()
    const memory = planMemory(budgetBytes)
    const world = openSystemWorld({
      sink: (line) => process.stdout.write(`${line}\n`), exit, engine: { choice: program.engine, libc, workers: program.workers }, memory,
    })
    if (budgetBytes !== Infinity) {
      keepHeapTight()
      if (isAvailable(libc)) trimMemory(world.clock, libc)
      world.log.info(describePlan(budgetBytes, memory))
    }
    world.log.info(`UDP engine ${world.engine.name}${world.engine.name === 'mmsg' ? `, packet workers: ${program.workers}` : ''}`)
    return world
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return exit(EXIT.START)
  }
}

/** What signals do (specification 1.8; SIGHUP reloads as well). */
class Life {
  readonly #program: Program
  readonly #server: Server
  readonly #world: SystemWorld
  readonly #pidfile: Pidfile
  readonly #exit: (status: number) => never
  #stopping = false

  /** From here on signals end the program in order, also while it still starts. */
  constructor(program: Program, server: Server, world: SystemWorld, pidfile: Pidfile, exit: (status: number) => never) {
    this.#program = program
    this.#server = server
    this.#world = world
    this.#pidfile = pidfile
    this.#exit = exit
    process.on('uncaughtException', (error) => this.#crash(error))
    process.on('SIGTERM', () => this.#stop('SIGTERM: Shutting down servers then terminating'))
    process.on('SIGINT', () => this.#stop('SIGINT: Shutting down'))
    process.on('SIGQUIT', () => this.#quit())
  }

  /** From here on signals reload; those that came before do so now. */
  started(): void {
    for (const signal of ['SIGUSR1', 'SIGHUP'] as const) process.on(signal, () => this.#reload(signal))
    for (const signal of new Set(takeEarlySignals())) this.#reload(signal)
  }

  /** A bug that nobody caught: say so and die at once, so that whoever watches us acts. */
  #crash(error: Error): void {
    this.#world.log.fatal(`uncaught exception: ${error.stack ?? error.message}`)
    this.#end(EXIT.START)
  }

  #reload(signal: string): void {
    this.#world.log.info(`${signal}: Reloading`)
    this.#server.reload(signal).catch((error: unknown) => this.#world.log.error(`${signal}: ${String(error)}`))
  }

  #quit(): void {
    this.#world.log.info('SIGQUIT: Quitting process immediately')
    this.#end(EXIT.OK)
  }

  #stop(text: string): void {
    if (this.#stopping) return this.#end(EXIT.FORCED)
    this.#stopping = true
    this.#world.log.info(text)
    this.#finish().then(
      () => this.#end(EXIT.OK),
      (error: unknown) => {
        this.#world.log.error(`stopping: ${error instanceof Error ? error.message : String(error)}`)
        this.#end(EXIT.STOP)
      },
    )
  }

  async #finish(): Promise<void> {
    // Also when whoever adds rules is still at it: what has arrived is answered.
    const serves = this.#server.current !== undefined
    if (serves) await this.#server.drain()
    const limit = setTimeout(() => {
      this.#world.log.error(`still not stopped after ${STOP_LIMIT_MS / 1000} s; ending now`)
      this.#end(EXIT.STOP)
    }, STOP_LIMIT_MS)
    await (serves ? this.#server.stop() : this.#program.leaving?.())
    await this.#program.left?.()
    clearTimeout(limit)
  }

  #end(status: number): void {
    this.#pidfile.remove()
    this.#exit(status)
  }
}

/** The zones served, as CoreDNS prints them, then the line that says we are ready. */
function banner(program: Program, server: Server): void {
  if (program.quiet) return
  for (const line of server.zones()) process.stdout.write(`${preferredSyntaxWarning(line)}${line}\n`)
  process.stdout.write(`${program.name}-${program.version} ready (linux/${process.arch}, node ${process.version}, pid ${process.pid})\n`)
}

/** A zone that is no host name is mostly a slip, such as a comma without a blank or a brace glued to a key. Reverse zones are none. */
function preferredSyntaxWarning(line: string): string {
  const place = line.slice(line.indexOf('://') < 0 ? 0 : line.indexOf('://') + 3)
  const zone = place.slice(0, place.lastIndexOf(':', place.includes(' on ') ? place.indexOf(' on ') : undefined))
  if (zone === '.' || isReverse(zone) || /^(([A-Za-z]([A-Za-z0-9-]*[A-Za-z0-9])?)\.)+$/.test(zone)) return ''
  return `Warning: Domain ${JSON.stringify(zone)} does not follow RFC1035 preferred syntax\n`
}
