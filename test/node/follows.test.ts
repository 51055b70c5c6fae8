import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'
import { exchange } from '../support/exchange.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { ZoneUpstream } from '../support/zone-upstream.ts'
import { lines } from '../support/world.ts'

let folder: string
let agent: Program | undefined
const upstreams: ZoneUpstream[] = []

before(() => { folder = mkdtempSync(join(tmpdir(), 'hearth-follows-')) })

after(async () => {
  await agent?.stop()
  for (const upstream of upstreams) upstream.close()
  rmSync(folder, { recursive: true })
})

async function ask(port: number, name: string): Promise<string[]> {
  const message = new Message()
  message.rd = true
  message.questions = [{ name, type: 1, class: 1 }]
  const { replies } = await exchange([encodeMessage(message)], { host: '127.0.0.1', port })
  return replies[0] === undefined ? [] : lines(decodeMessage(replies[0]).answers).map((line) => line.split(' ').at(-1)!)
}

test('a change of the kube-dns ConfigMap is followed at once, and what is cached stays', async () => {
  const zone = (last: number) => ZoneUpstream.open(`kept.example. 600 A 192.0.2.${last}\nother.example. 600 A 192.0.2.${last}\nthird.example. 600 A 192.0.2.${last}`)
  const [one, two] = [await zone(1), await zone(2)]
  upstreams.push(one, two)
  const port = await freePort()
  mkdirSync(join(folder, 'kube-dns'))
  const configure = (upstream: ZoneUpstream) => writeFileSync(join(folder, 'kube-dns/upstreamNameservers'), JSON.stringify([`127.0.0.1:${upstream.port}`]))
  configure(one)
  writeFileSync(join(folder, 'Corefile.base'), `.:${port} {\n    errors\n    bind __PILLAR__LOCAL__DNS__\n    cache 300\n    reload\n    forward . __PILLAR__UPSTREAM__SERVERS__\n}\n`)
  const main = fileURLToPath(new URL('../../cmd/hearth-node/main.ts', import.meta.url))
  agent = Program.start(`${process.execPath} ${main} -localip 127.0.0.1 -setupinterface=false -setupiptables=false -metrics-listen-address= -admin-listen-address= -basecorefile ${folder}/Corefile.base -conf ${folder}/Corefile -kubednscm ${folder}/kube-dns`)
  await until(async () => (await ask(port, 'kept.example.')).join() === '192.0.2.1', 20_000)
  configure(two)
  const changedMs = Date.now()
  await until(() => agent!.output.includes('Reloading complete'), 20_000)
  const tookMs = Date.now() - changedMs
  assert.deepEqual(await ask(port, 'other.example.'), ['192.0.2.2'])
  assert.deepEqual(await ask(port, 'kept.example.'), ['192.0.2.1'])
  // Two seconds of the agent, on a machine that may be busy; the interval of `reload` is thirty.
  assert.ok(tookMs < 10_000, `followed after ${tookMs} ms`)
})
