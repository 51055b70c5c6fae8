/**
 * Runs an example of a manual page. ` ```corefile start=no ` is built and not started: it needs what a test has not. Others may have:
 *
 *     ```zone upstream=10.9.0.1     an upstream with these records; its address in the Corefile is replaced by a real one
 *     ```text file=/etc/hosts       a file that the Corefile names
 *     ```yaml file=/manifests/a.yaml
 *     ```dns                        questions (`? NAME TYPE [from IP] [over tcp] [size N] [do]`), each with the reply expected:
 *                                   rcode and flags, records, `;; authority` and `;; additional` before those of the section.
 *                                   `; after 10s` moves the clock, `; 10.9.0.1 fails` and `; 10.9.0.1 recovers` speak for
 *                                   themselves, `; file /etc/hosts reads: TEXT` writes one.
 *     ```log, ```metrics            lines that must have been logged or be exported
 *     ```http                       `GET ADDRESS/PATH → STATUS BODY`
 *     ```error                      the Corefile is refused with this text
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseDuration } from '../../src/base/duration.ts'
import { ConfigError } from '../../src/corefile/error.ts'
import { PLUGINS } from '../../src/plugins/index.ts'
import { rcodeName } from '../../src/wire/codes.ts'
import type { Message } from '../../src/wire/message.ts'
import { lines, testServer, type AskOptions, type TestServer } from '../support/world.ts'
import { ZoneUpstream } from '../support/zone-upstream.ts'
import type { Example, Fence } from './page.ts'

/** What ran: for checks over all examples of a page. */
export interface Ran {
  /** Names of metric families that were exported at the end. */
  readonly metrics: readonly string[]
}

export async function runExample(example: Example): Promise<Ran> {
  const stage = new Staging()
  try {
    for (const fence of example.others) await stage.set(fence)
    const corefile = stage.real(example.corefile.lines.join('\n'))
    const error = example.others.find((fence) => fence.language === 'error')
    if (error !== undefined) {
      await assert.rejects(testServer(corefile, { plugins: PLUGINS, files: stage.files }), (thrown) => {
        assert.ok(thrown instanceof ConfigError, String(thrown))
        assert.equal(thrown.message, error.lines.join('\n'))
        return true
      })
      return { metrics: [] }
    }
    const server = await testServer(corefile, { plugins: PLUGINS, files: stage.files, random: [0], start: example.corefile.info.start !== 'no' })
    try {
      for (const fence of example.others) await check(server, fence, stage)
      assert.deepEqual(server.panics, [])
      const text = await server.metrics.expose()
      return { metrics: [...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!) }
    } finally {
      await server.stop()
    }
  } finally {
    stage.strike()
  }
}

/** The world around an example: its upstreams and files. */
class Staging {
  readonly files: Record<string, string> = {}
  readonly #upstreams = new Map<string, ZoneUpstream>()
  readonly #folders = new Map<string, string>()

  async set(fence: Fence): Promise<void> {
    const { upstream, file } = fence.info
    if (upstream !== undefined) this.#upstreams.set(upstream, await ZoneUpstream.open(fence.lines.join('\n')))
    if (file === undefined) return
    const text = `${fence.lines.join('\n')}\n`
    this.files[file] = text
    if (fence.language !== 'yaml') return
    const folder = this.#folders.get(dirname(file)) ?? mkdtempSync(join(tmpdir(), 'hearth-manual-'))
    this.#folders.set(dirname(file), folder)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, basename(file)), text)
  }

  /** The text of a page with addresses and folders as they are. */
  real(text: string): string {
    for (const [address, upstream] of this.#upstreams) text = text.replaceAll(new RegExp(`${address.replaceAll('.', '\\.')}(?!\\d)`, 'g'), `127.0.0.1:${upstream.port}`)
    for (const [folder, real] of this.#folders) text = text.replaceAll(folder, real)
    return text
  }

  upstream(address: string): ZoneUpstream {
    const upstream = this.#upstreams.get(address)
    assert.ok(upstream, `no fence has upstream=${address}`)
    return upstream
  }

  strike(): void {
    for (const upstream of this.#upstreams.values()) upstream.close()
    for (const folder of this.#folders.values()) rmSync(folder, { recursive: true })
  }
}

async function check(server: TestServer, fence: Fence, stage: Staging): Promise<void> {
  switch (fence.language) {
    case 'dns': return checkDialogue(server, fence, stage)
    case 'log':
      for (const line of fence.lines) assert.ok(server.log.lines.includes(stage.real(line)), `line ${fence.line}: not logged: ${line}\nlogged:\n${server.log.lines.join('\n')}`)
      return
    case 'metrics': {
      const text = await server.metrics.expose()
      for (const line of fence.lines) {
        const near = text.split('\n').filter((other) => other.split(/[{ ]/)[0] === line.split(/[{ ]/)[0])
        assert.ok(near.includes(stage.real(line)), `line ${fence.line}: not exported: ${line}\nexported:\n${near.join('\n')}`)
      }
      return
    }
    case 'http':
      for (const line of fence.lines) await checkHttp(server, line)
      return
    case 'zone': case 'text': case 'yaml': return
    default: assert.fail(`line ${fence.line}: a fence of ${fence.language} means nothing here`)
  }
}

async function checkHttp(server: TestServer, line: string): Promise<void> {
  const [, address, path, status, body] = /^GET ([^/]*)(\/\S*) → (\d+) (.*)$/.exec(line)!
  const handle = server.http.get(`${address} ${path}`)
  assert.ok(handle, `nothing serves ${address}${path}; there are ${[...server.http.keys()].join(', ')}`)
  const reply = await handle({ method: 'GET', path: path!, query: '', headers: {} })
  assert.equal(`${reply.status} ${reply.body}`, `${status} ${body}`, line)
}

async function checkDialogue(server: TestServer, fence: Fence, stage: Staging): Promise<void> {
  const turns: { readonly command: string; readonly expected: string[] }[] = []
  for (const line of fence.lines) {
    if (line === '') continue
    if (line.startsWith('? ') || (line.startsWith('; '))) turns.push({ command: line, expected: [] })
    else turns.at(-1)!.expected.push(line)
  }
  for (const { command, expected } of turns) {
    if (command.startsWith('; ')) await direct(server, stage, command.slice(2))
    else assert.deepEqual(replyLines(await askLine(server, command.slice(2))), expected, `line ${fence.line}: ${command}`)
  }
}

function askLine(server: TestServer, text: string): Promise<Message | undefined> {
  const [question, ...clauses] = text.split(/ (?=from |over |size |do$|do )/)
  const options: { -readonly [K in keyof AskOptions]: AskOptions[K] } = {}
  for (const clause of clauses) {
    const [word, value] = clause.split(' ')
    if (word === 'from') options.client = value!
    else if (word === 'over') options.protocol = value as 'udp' | 'tcp'
    else if (word === 'size') options.edns = { ...options.edns, udpSize: Number(value) }
    else options.edns = { ...options.edns, do: true }
  }
  return server.ask(question!, options)
}

function replyLines(reply: Message | undefined): string[] {
  if (reply === undefined) return ['no reply']
  const flags = (['aa', 'tc', 'ad'] as const).filter((flag) => reply[flag])
  const out = [[rcodeName(reply.rcode), ...flags].join(' '), ...lines(reply.answers)]
  if (reply.authorities.length > 0) out.push(';; authority', ...lines(reply.authorities))
  if (reply.additionals.length > 0) out.push(';; additional', ...lines(reply.additionals))
  return out
}

async function direct(server: TestServer, stage: Staging, text: string): Promise<void> {
  const [, wait] = /^after (\S+)/.exec(text) ?? []
  const [, address, does] = /^(\S+) (fails|recovers)$/.exec(text) ?? []
  const [, file, content] = /^file (\S+) reads: (.*)$/.exec(text) ?? []
  if (wait !== undefined) {
    await settled()
    server.clock.advance(parseDuration(wait)!)
    await settled()
  } else if (address !== undefined) stage.upstream(address).failing = does === 'fails' ? 2 : undefined
  else if (file !== undefined) stage.files[file] = `${content}\n`
  else assert.fail(`not understood: ; ${text}`)
}

/** What runs in the background over a real socket, such as a refresh, ends at the clock's present time. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50))
}
