import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { ask, difference, LOCAL, type Question, type Recorded } from './kubernetes-reply.ts'
import { readObjects, type Change, type ObjectStore } from './object-store.ts'
import type { Outcome } from './server.ts'
import { DEVIATIONS, missingDirectives } from './scope.ts'
import { ZoneUpstream } from '../support/zone-upstream.ts'

const HERE = fileURLToPath(new URL('kubernetes/', import.meta.url))
const READY_MS = 60_000
/** How long a change may take to be seen. */
const WATCH_MS = 15_000

interface Case {
  readonly id: string
  readonly q?: Question
  readonly expect?: Recorded
  readonly steps?: readonly { readonly do: readonly Change[]; readonly poll: readonly Poll[] }[]
  readonly cleanup?: readonly Change[]
}

interface Poll {
  readonly q: Question
  readonly expect: Recorded
  readonly same?: boolean
}

interface CaseFile {
  readonly corefile: string
  readonly ready: readonly { readonly q: Question; readonly rcode: string; readonly answer?: boolean }[]
  readonly ttl_slack?: number
  readonly cases: readonly Case[]
}

export function kubernetesFiles(): string[] {
  return globSync(join(HERE, 'cases/*.json')).map((path) => basename(path, '.json')).sort()
}

/** Makes a store that holds the objects given. */
export type OpenStore = (objects: ReturnType<typeof readObjects>) => Promise<ObjectStore>

/** Plays one file of cases against our program with its objects in a store of its own; one outcome a case. */
export async function judgeKubernetesFile(file: string, command: string, openStore: OpenStore): Promise<Outcome[]> {
  const spec = JSON.parse(readFileSync(join(HERE, 'cases', `${file}.json`), 'utf8')) as CaseFile
  const template = readFileSync(join(HERE, 'corefiles', `${spec.corefile}.Corefile`), 'utf8')
  const missing = missingDirectives(template)
  if (missing.length > 0) return spec.cases.map((each) => ({ id: each.id, verdict: 'out of scope', steps: 1, problems: [`needs ${missing.join(', ')}`] }))
  const store = await openStore(readObjects(join(HERE, 'objects')))
  const upstream = await ZoneUpstream.open(readFileSync(join(HERE, 'upstream.zone'), 'utf8'))
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'))
  const port = await freePort()
  const conf = join(folder, 'Corefile')
  writeFileSync(conf, template.replaceAll('kubeconfig {kubeconfig}', store.option).replaceAll('{port}', String(port)).replaceAll('{up}', `127.0.0.1:${upstream.port}`))
  const program = Program.start(command.replace('{conf}', conf).replace('{port}', String(port)))
  try {
    await awaitReady(spec, port, program)
    const outcomes: Outcome[] = []
    for (const each of spec.cases) outcomes.push(await judgeCase(each, port, store, spec.ttl_slack ?? 0))
    return outcomes
  } finally {
    await program.stop()
    upstream.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function judgeCase(each: Case, port: number, store: ObjectStore, slack: number): Promise<Outcome> {
  const problems = lacksAddresses(each) ? [] : each.steps === undefined ? await answerProblems(each.q!, each.expect!, port, slack) : await watchProblems(each, port, store, slack)
  if (DEVIATIONS[`kubernetes/${each.id}`] === undefined) return { id: each.id, verdict: problems.length === 0 ? 'agrees' : 'differs', steps: 1, problems }
  // As with server cases: a listed deviation that agrees after all is a stale list.
  return problems.length === 0 ? { id: each.id, verdict: 'differs', steps: 1, problems: ['listed as a deviation, but agrees'] } : { id: each.id, verdict: 'deviates', steps: 1, problems }
}

/** A machine without an address of its own of a family gives other answers where the recording has one. */
function lacksAddresses(each: Case): boolean {
  const text = JSON.stringify(each)
  const lacks = (mark: string) => ![...LOCAL].some((address) => address.includes(mark))
  return (text.includes('LOCALIP6') && lacks(':')) || (/LOCALIP4|\{local4\}/.test(text) && lacks('.'))
}

async function answerProblems(question: Question, expected: Recorded, port: number, slack: number): Promise<string[]> {
  const got = await ask(question, port)
  const part = difference(expected, got, slack)
  return part === undefined ? [] : [describe(part, question, expected, got)]
}

async function watchProblems(each: Case, port: number, store: ObjectStore, slack: number): Promise<string[]> {
  const problems: string[] = []
  for (const step of each.steps!) {
    // Asked before the change as well, as it was when recorded: what a cache holds then is part of the case.
    for (const poll of step.poll) await ask(poll.q, port)
    for (const change of step.do) await store.change(localized(change))
    for (const poll of step.poll) {
      if (poll.same === true) await sleep(700)
      let got = await ask(poll.q, port, 1000)
      for (const end = Date.now() + WATCH_MS; difference(poll.expect, got, slack) !== undefined && Date.now() < end;) {
        await sleep(10)
        got = await ask(poll.q, port, 1000)
      }
      const part = difference(poll.expect, got, slack)
      if (part !== undefined) problems.push(describe(part, poll.q, poll.expect, got))
    }
  }
  for (const change of each.cleanup ?? []) await store.change(localized(change))
  await sleep(300)
  return problems
}

async function awaitReady(spec: CaseFile, port: number, program: Program): Promise<void> {
  const end = Date.now() + READY_MS
  for (const probe of spec.ready) {
    for (;;) {
      if (program.ended) throw new Error(`the program ended: ${program.output.slice(-500)}`)
      const got = await ask(probe.q, port, 500)
      if (got.rcode === probe.rcode && ((got.answer?.length ?? 0) > 0) === (probe.answer ?? true)) break
      if (Date.now() > end) throw new Error(`not ready: ${probe.q.name} gives ${JSON.stringify(got)}; ${program.output.slice(-500)}`)
      await sleep(50)
    }
  }
}

function localized(change: Change): Change {
  const v4 = [...LOCAL].filter((address) => !address.includes(':')).sort()
  return JSON.parse(JSON.stringify(change).replaceAll('{local4}', v4[0] ?? '127.0.0.1')) as Change
}

function describe(part: string, question: Question, want: Recorded, got: Recorded): string {
  return `(${part}) ${question.name} ${question.type}: expected ${JSON.stringify(want)}; got ${JSON.stringify(got)}`.slice(0, 1200)
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
