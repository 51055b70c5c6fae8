/** What becomes of answers that packet workers give when their time comes, and when the configuration changes. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeMessage } from '../wire/decode.ts'
import { encodeAsked } from '../../test/support/query-mix.ts'
import { exchange } from '../../test/support/exchange.ts'
import { freePort } from '../../test/support/ports.ts'
import { Program } from '../../test/support/program.ts'
import { ScriptedUpstream } from '../../test/support/scripted-upstream.ts'
import { until } from '../../test/support/until.ts'

const CLUSTER = fileURLToPath(new URL('../../hack/hearth-cluster', import.meta.url))
const TTL_SECONDS = 20
/** Refreshed when 80 % of the TTL are left: from four seconds on. */
const REFRESHED_FROM_MS = 4000
/** Hits that make a name worth it. */
const HOT = 8

describe('answers of packet workers', () => {
  let folder: string
  let program: Program
  let upstream: ScriptedUpstream
  let port: number
  let metrics: number
  let answered = 0
  let id = 0

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-packet-life-'))
    upstream = await ScriptedUpstream.open((asked) => asked.answer([`${asked.query.questions[0]!.name} 3600 IN A 192.0.2.${++answered}`]))
    ;[port, metrics] = [await freePort(), await freePort()]
    write(`forward . ${upstream.address}`)
    program = Program.start(`${CLUSTER} -conf ${folder}/Corefile -engine mmsg`)
    await until(() => / ready /.test(program.output), 20_000)
  })
  after(async () => {
    await program.stop()
    upstream.close()
    rmSync(folder, { recursive: true, force: true })
  })

  function write(last: string): void {
    writeFileSync(join(folder, 'Corefile'), `.:${port} {\n  bind 127.0.0.1\n  prometheus 127.0.0.1:${metrics}\n  cache ${TTL_SECONDS} {\n    prefetch ${HOT} 1m 80%\n  }\n  ${last}\n}\n`)
  }

  async function ask(name: string): Promise<string> {
    const packet = encodeAsked({ name, upper: false, type: 1, rd: true, ad: false, cd: false, edns: undefined }, ++id & 0xffff)
    const { replies } = await exchange([packet], { host: '127.0.0.1', port, waitMs: 10_000 })
    return Buffer.from(decodeMessage(replies[0]!).answers[0]!.rdata).join('.')
  }

  async function hits(): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
    return Number(/^hearth_packet_cache_hits_total (\d+)/m.exec(text)?.[1] ?? 0)
  }

  const timesAsked = (name: string) => upstream.asked.filter(({ query }) => query.questions[0]!.name === name).length

  /** A name that only packet workers have answered often. On a machine that is busy at the moment the next one may have better luck. */
  async function hotName(): Promise<{ name: string; answer: string; storedMs: number }> {
    for (let i = 0; i < 10; i++) {
      const name = `hot${i}.example.`
      const answer = await ask(name)
      const storedMs = Date.now()
      const hitsBefore = await hits()
      for (let k = 0; k < HOT + 3; k++) await ask(name)
      // The first of them came to the resolver thread, which gives the answer to the workers.
      if (await hits() - hitsBefore >= HOT && timesAsked(name) === 1 && Date.now() - storedMs < REFRESHED_FROM_MS) return { name, answer, storedMs }
    }
    return assert.fail('no name was answered by packet workers alone')
  }

  test('are refreshed by the hits that workers have counted, before their time is over', async () => {
    const { name, answer, storedMs } = await hotName()
    await new Promise((resolve) => setTimeout(resolve, storedMs + REFRESHED_FROM_MS + 1000 - Date.now()))
    // By itself this hit is one of too few.
    assert.equal(await ask(name), answer)
    await until(() => timesAsked(name) === 2, 10_000)
    await until(async () => await ask(name) !== answer, 10_000)
    assert.ok(Date.now() - storedMs < TTL_SECONDS * 1000, 'the answer was refreshed, not asked for anew')
  })

  test('are given no longer once the configuration says otherwise', async () => {
    const { name, answer } = await hotName()
    write(`template IN A {\n    answer "{{ .Name }} 3600 IN A 198.51.100.1"\n  }`)
    program.child.kill('SIGUSR1')
    await until(() => program.output.includes('Reloading complete'), 20_000)
    assert.notEqual(answer, '198.51.100.1')
    assert.equal(await ask(name), '198.51.100.1')
    const before = await hits()
    await until(async () => await ask(name) === '198.51.100.1' && await hits() > before, 10_000)
  })
})
