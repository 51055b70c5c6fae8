import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeMessage } from '../../wire/decode.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { Message } from '../../wire/message.ts'
import { exchange } from '../../../test/support/exchange.ts'
import { freePort } from '../../../test/support/ports.ts'
import { Program } from '../../../test/support/program.ts'

const CLUSTER = fileURLToPath(new URL('../../../hack/hearth-cluster', import.meta.url))
const UNTIL_SEEN_MS = 30_000

describe('loop, over real sockets', () => {
  let folder: string
  let program: Program | undefined
  beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'hearth-loop-')) })
  afterEach(async () => {
    await program?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const write = (text: string) => writeFileSync(join(folder, 'Corefile'), text)
  const start = () => { program = Program.start(`${CLUSTER} -conf ${folder}/Corefile`) }

  async function prints(text: RegExp): Promise<void> {
    for (const end = Date.now() + UNTIL_SEEN_MS; !text.test(program!.output) && Date.now() < end;) await new Promise((resolve) => setTimeout(resolve, 10))
    assert.match(program!.output, text)
  }

  async function rcode(name: string, port: number): Promise<number> {
    const query = new Message()
    query.questions = [{ name, type: 1, class: 1 }]
    const { replies } = await exchange([encodeMessage(query)], { host: '127.0.0.1', port, waitMs: 10_000 })
    return decodeMessage(replies[0]!).rcode
  }

  test('a forward to ourselves at the start ends the program with status 1', async () => {
    const port = await freePort()
    write(`.:${port} {\n bind 127.0.0.1\n loop\n forward . 127.0.0.1:${port}\n}\n`)
    start()
    assert.equal(await program!.exit(UNTIL_SEEN_MS), 1)
    assert.match(program!.output, new RegExp(`\\[FATAL\\] plugin/loop: Loop \\(127\\.0\\.0\\.1:\\d+ -> (127\\.0\\.0\\.1)?:${port}\\) detected for zone "\\.", see https://\\S+ Query: "HINFO \\d+\\.\\d+\\."`))
  })

  test('two blocks that forward to each other end it too', async () => {
    const [one, two] = [await freePort(), await freePort()]
    write(`.:${one} {\n bind 127.0.0.1\n loop\n forward . 127.0.0.1:${two}\n}\n.:${two} {\n bind 127.0.0.1\n forward . 127.0.0.1:${one}\n}\n`)
    start()
    assert.equal(await program!.exit(UNTIL_SEEN_MS), 1)
  })

  test('a loop that a reload brings keeps the program: not ready, SERVFAIL for what would go round, the rest answered', async () => {
    const [port, ready] = [await freePort(), await freePort()]
    const block = (upstream: string) => `.:${port} {\n bind 127.0.0.1\n ready 127.0.0.1:${ready} {\n  monitor continuously\n }\n loop\n hosts {\n  10.0.0.1 a.example\n  fallthrough\n }\n${upstream}}\n`
    write(block(' template ANY ANY {\n  rcode NXDOMAIN\n }\n'))
    start()
    await prints(/ ready /)
    assert.equal(await rcode('b.example.', port), 3)
    write(block(` forward . 127.0.0.1:${port}\n`))
    program!.child.kill('SIGUSR1')
    await prints(/plugin\/loop: Loop .* not ready, until it is gone/)
    assert.equal(await rcode('b.example.', port), 2)
    assert.equal(await rcode('a.example.', port), 0)
    assert.equal((await fetch(`http://127.0.0.1:${ready}/ready`)).status, 503)
    write(block(' template ANY ANY {\n  rcode NXDOMAIN\n }\n'))
    program!.child.kill('SIGUSR1')
    await prints(/complete[\s\S]*complete/)
    assert.equal(await rcode('b.example.', port), 3)
    assert.equal((await fetch(`http://127.0.0.1:${ready}/ready`)).status, 200)
  })
})
