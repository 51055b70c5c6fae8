import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { CLASS, parseClass, parseType } from '../../src/wire/codes.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'
import { parseRecord } from '../../src/wire/record.ts'
import { exchange, type Exchanged } from '../support/exchange.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { comparable, differences, type Comparable } from './reply.ts'
import { option, repeated, ScriptedUpstream, type UpstreamRule } from './upstream.ts'

export interface ServerCase {
  readonly name: string
  readonly corefile: string | readonly string[]
  readonly files?: Readonly<Record<string, string | readonly (string | readonly [string, number])[]>>
  readonly env?: Readonly<Record<string, string>>
  readonly up1?: readonly UpstreamRule[]
  readonly up2?: readonly UpstreamRule[]
  readonly ip?: string
  readonly listen?: readonly string[]
  readonly await?: boolean
  readonly steps: readonly Step[]
}

// A step is one of a dozen shapes; each is read where it is performed.
type Step = Comparable

export interface Problem {
  /** 0 for the start. */
  readonly step: number
  readonly text: string
}

const LOOPBACK = '127.0.0.1'
const PORT_NAMES = ['port', 'up1', 'up2', 'http1', 'http2', 'http3'] as const
const START_MS = 60_000

export function corefileText(spec: ServerCase): string {
  return typeof spec.corefile === 'string' ? spec.corefile : `${spec.corefile.join('\n')}\n`
}

/** Plays one case against a program; `command` has `{conf}` and `{port}`. */
export class ServerCasePlayer {
  readonly #spec: ServerCase
  readonly #command: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'conformance-'))
  readonly #ports: Record<string, number> = {}
  readonly #upstreams: Record<string, ScriptedUpstream> = {}
  #program: Program | undefined
  #logFrom = 0

  constructor(spec: ServerCase, command: string) {
    this.#spec = spec
    this.#command = command
  }

  /** What differs from the recording. */
  play(): Promise<Problem[]> {
    return this.#run((step, got) => this.#check(step, got))
  }

  /** What the program does, step by step, as a recording has it; undefined for steps that only do something. */
  async record(): Promise<(Comparable | undefined)[]> {
    const gots = new Map<Step, Comparable>()
    const problems = await this.#run((step, got) => {
      gots.set(step, got)
      return []
    })
    if (problems.length > 0) throw new Error(`${this.#spec.name}: ${problems[0]!.text}`)
    return this.#spec.steps.map((step) => gots.get(step))
  }

  async #run(judge: (step: Step, got: Comparable) => string[]): Promise<Problem[]> {
    const problems: Problem[] = []
    try {
      await this.#start()
      if (this.#spec.steps[0]!.exit === undefined && this.#spec.await !== false) await this.#awaitStarted()
      for (const [i, step] of this.#spec.steps.entries()) {
        const got = await this.#perform(step)
        if (got !== undefined) problems.push(...judge(step, got).map((text) => ({ step: i + 1, text })))
      }
    } catch (error) {
      problems.push({ step: 0, text: String(error) })
    } finally {
      for (const upstream of Object.values(this.#upstreams)) await upstream.close()
      await this.#program?.stop()
      rmSync(this.#folder, { recursive: true, force: true })
    }
    return problems
  }

  async #start(): Promise<void> {
    const text = JSON.stringify(this.#spec)
    for (const name of PORT_NAMES) if (name === 'port' || text.includes(name)) this.#ports[name] = await freePort()
    for (const [name, content] of Object.entries({ ...this.#spec.files, Corefile: corefileText(this.#spec) })) this.#write(name, content)
    for (const name of ['up1', 'up2'] as const) {
      const rules = this.#spec[name]
      if (Array.isArray(rules)) this.#upstreams[name] = await ScriptedUpstream.open(this.#ports[name]!, rules as UpstreamRule[])
    }
    const env = Object.fromEntries(Object.entries(this.#spec.env ?? {}).map(([name, value]) => [name, this.#fill(value)]))
    this.#program = Program.start(this.#fill(this.#command.replace('{conf}', join(this.#folder, 'Corefile'))), { cwd: this.#folder, env })
  }

  /** Until a header that every server refuses is answered over TCP and over UDP. */
  async #awaitStarted(): Promise<void> {
    const end = Date.now() + START_MS
    const ping = Buffer.from('aaaa01000000000000000000', 'hex')
    for (const name of this.#spec.listen ?? ['port']) {
      for (const tcp of [true, false]) {
        for (;;) {
          if (this.#program!.ended) throw new Error(`the program ended: ${this.#program!.output.slice(-300)}`)
          if (Date.now() > end) throw new Error('the program did not start to answer')
          const { replies } = await exchange([ping], { host: this.#host(), port: this.#ports[name]!, tcp, waitMs: 1000 })
          if (replies.length > 0) break
          await sleep(20)
        }
      }
    }
  }

  #host(step: Step = {}): string {
    return (step.dst as string | undefined) ?? this.#spec.ip ?? LOOPBACK
  }

  #values(): Record<string, string> {
    const values: Record<string, string> = { dir: this.#folder }
    for (const [name, port] of Object.entries(this.#ports)) {
      values[name] = name.startsWith('up') ? `${LOOPBACK}:${port}` : String(port)
      if (name.startsWith('up')) values[`${name}port`] = String(port)
    }
    return values
  }

  #fill(text: string, regex = false): string {
    const values = this.#values()
    return text.replace(/\{(port|up1|up2|up1port|up2port|http1|http2|http3|dir)\}/g, (whole, name: string) => {
      const value = values[name] ?? whole
      return regex ? value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : value
    })
  }

  #unfill(text: string): string {
    let out = text.replaceAll(this.#folder, '{dir}')
    for (const [name, port] of Object.entries(this.#ports)) {
      if (name.startsWith('up')) out = out.replaceAll(`${LOOPBACK}:${port}`, `{${name}}`)
      out = out.replace(new RegExp(`(?<!\\d)${port}(?!\\d)`, 'g'), `{${name}}`)
    }
    return out
  }

  #write(name: string, content: string | readonly (string | readonly [string, number])[]): void {
    const path = join(this.#folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, this.#fill(typeof content === 'string' ? content : `${repeated(content).join('\n')}\n`))
  }

  /** Undefined for steps that only do something. */
  async #perform(step: Step): Promise<Comparable | undefined> {
    if (step.q !== undefined) return step.repeat === undefined ? this.#query(step) : this.#repeat(step)
    if (step.raw !== undefined) return this.#raw(step)
    if (step.parallel !== undefined) return this.#parallel(step)
    if (step.http !== undefined) return this.#http(step)
    if (step.upstream !== undefined) return this.#asked(step)
    if (step.log !== undefined) return this.#log(step)
    if (step.exit !== undefined) return this.#exit(step)
    if (step.sleep !== undefined) await sleep((step.sleep as number) * 1000)
    else if (step.write !== undefined) this.#write(step.write as string, step.content as string)
    else if (step.remove !== undefined) rmSync(join(this.#folder, step.remove as string))
    else if (step.signal !== undefined) this.#program!.child.kill(`SIG${step.signal as string}` as NodeJS.Signals)
    else throw new Error(`a step of no known kind: ${JSON.stringify(step)}`)
    return undefined
  }

  #exchange(step: Step, packets: readonly Uint8Array[]): Promise<Exchanged> {
    return exchange(packets, {
      host: this.#host(step),
      port: this.#ports[(step.port as string | undefined) ?? 'port']!,
      tcp: step.tcp === true,
      waitMs: ((step.wait as number | undefined) ?? 4) * 1000,
      bare: step.bare === true,
      halfClose: step.half_close === true,
      linger: step.linger === true,
      ...(step.src === undefined ? {} : { source: step.src as string }),
      ...(step.replies === undefined ? {} : { replies: step.replies as number }),
      ...(step.pieces === undefined ? {} : { pieces: step.pieces as number }),
    })
  }

  async #query(step: Step): Promise<Comparable> {
    const packet = queryPacket(step)
    const { replies, end, localPort } = await this.#exchange(step, [packet])
    const reply = replies[0]
    if (reply === undefined) return { none: end }
    if (reply[0] !== packet[0] || reply[1] !== packet[1]) return { unparsable: reply.toString('hex'), why: 'another id' }
    return comparable(reply, step, localPort)
  }

  async #repeat(step: Step): Promise<Comparable> {
    const firsts = new Set<string>()
    const shapes = new Set<string>()
    for (let i = 0; i < (step.repeat as number); i++) {
      const got = await this.#query({ ...step, order: 'exact', repeat: undefined })
      if (got.none !== undefined) return got
      const answer = (got.answer ?? []) as string[]
      firsts.add(answer[0]?.split(' ').slice(3).join(' ') ?? '-')
      shapes.add(`["${String(got.rcode)}", [${answer.map((text) => text.replace(/ \d+ IN/, ' IN')).sort().map((text) => JSON.stringify(text)).join(', ')}]]`)
    }
    return { first: [...firsts].sort(), replies: [...shapes].sort() }
  }

  async #raw(step: Step): Promise<Comparable> {
    const { replies, end } = await this.#exchange(step, (step.raw as string[]).map((hex) => Buffer.from(hex, 'hex')))
    const out: Comparable = { replies: replies.map((reply) => reply.toString('hex')) }
    if (step.linger === true || end === 'closed') out.end = end
    return out
  }

  async #parallel(step: Step): Promise<Comparable> {
    const running: Promise<Comparable>[] = []
    for (const inner of step.parallel as Step[]) {
      running.push(this.#query(inner))
      await sleep(((step.gap as number | undefined) ?? 0.1) * 1000)
    }
    const results = await Promise.all(running)
    return { results: step.unordered === true ? results.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)) : results }
  }

  async #http(step: Step): Promise<Comparable> {
    const url = `http://${LOOPBACK}:${this.#ports[step.http as string]}${step.path as string}`
    for (const end = Date.now() + 4000; ;) {
      try {
        const reply = await fetch(url, { method: (step.method as string | undefined) ?? 'GET', signal: AbortSignal.timeout(4000) })
        return this.#httpReply(step, reply.status, await reply.text())
      } catch {
        // Not there yet, or not meant to be: asked again until the time is up.
        if (step.refused === true || Date.now() > end) return { refused: true }
        await sleep(100)
      }
    }
  }

  #httpReply(step: Step, status: number, body: string): Comparable {
    if (step.select === undefined) return { status, body }
    const select = new RegExp(this.#fill(step.select as string, true))
    let lines = body.split('\n').filter((line) => select.test(line))
    for (const label of (step.hide ?? []) as string[]) lines = lines.map((line) => line.replace(new RegExp(`${label}="[^"]*"`), `${label}="*"`))
    if (step.no_values === true) lines = lines.map((line) => (line.startsWith('#') ? line : line.slice(0, line.lastIndexOf(' '))))
    const set = [...new Set(lines.map((line) => this.#unfill(line)))].sort()
    return { status, lines: step.keep_help === true ? set : set.filter((line) => !line.startsWith('# HELP')) }
  }

  async #asked(step: Step): Promise<Comparable> {
    await sleep(((step.settle as number | undefined) ?? 0.1) * 1000)
    const seen = this.#upstreams[step.upstream as string]!.takeSeen()
    return step.at_least === undefined ? { seen } : { at_least: seen.length >= (step.at_least as number) }
  }

  async #log(step: Step): Promise<Comparable> {
    const pattern = new RegExp(this.#fill(step.log as string, true), 'gm')
    const end = Date.now() + ((step.wait as number | undefined) ?? (step.absent === true ? 0.3 : 5)) * 1000
    const count = () => this.#program!.output.slice(this.#logFrom).match(pattern)?.length ?? 0
    let found = count()
    while (Date.now() < end && (step.absent === true || found < ((step.count as number | undefined) ?? 1))) {
      await sleep(30)
      found = count()
    }
    if (step.count !== undefined) {
      await sleep(100)
      found = count()
    }
    if (step.mark === true) this.#logFrom = this.#program!.output.length
    return step.count === undefined ? { seen: found > 0 } : { count: found }
  }

  async #exit(step: Step): Promise<Comparable> {
    const code = await this.#program!.exit((step.exit as number) * 1000)
    return step.output === false ? { code: code ?? null } : { code: code ?? null, output: this.#program!.output.trim() }
  }

  #check(step: Step, got: Comparable): string[] {
    const want = { ...(step.expect as Comparable) }
    if (typeof want.output === 'string') {
      const same = new RegExp(this.#fill(want.output, true), 'm').test(String(got.output)) || sameRefusal(want.output, String(got.output))
      if (same) got.output = want.output
    }
    if (typeof want.body === 'string' && typeof got.body === 'string' && new RegExp(this.#fill(want.body, true)).test(got.body)) got.body = want.body
    return differences(want, got, (step.ttl_tol as number | undefined) ?? 1, step.order === 'exact')
  }
}

/** Refusals may be worded otherwise, and better: what must agree is that it refuses, and the line where one is recorded. */
function sameRefusal(recorded: string, output: string): boolean {
  const line = /(?:Corefile|\.conf):(\d+) - /.exec(recorded.replaceAll('\\', ''))?.[1]
  const ours = /(?:Corefile|\.conf):(\d+):\d+: /.exec(output)?.[1]
  return line === undefined ? ours !== undefined || /^(cannot|plugin|error)/.test(output) : line === ours
}

function queryPacket(step: Step): Uint8Array {
  const [name, type] = (step.q as string).split(' ')
  const query = new Message()
  query.id = Math.floor(Math.random() * 65_536)
  for (const flag of ((step.flags as string | undefined) ?? 'rd').split(' ').filter((word) => word !== '')) Object.assign(query, { [flag]: true })
  query.opcode = (step.opcode as number | undefined) ?? 0
  query.questions = [{ name: name!, type: parseType(type!)!, class: step.class === undefined ? CLASS.IN : parseClass(step.class as string)! }]
  query.authorities = ((step.authority ?? []) as string[]).map(parseRecord)
  const edns = step.edns as { size?: number; do?: boolean; version?: number; options?: string[] } | undefined
  if (edns !== undefined) {
    query.edns = { udpSize: edns.size ?? 1232, version: edns.version ?? 0, do: Boolean(edns.do), z: 0, options: (edns.options ?? []).map(option) }
  }
  return encodeMessage(query)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
