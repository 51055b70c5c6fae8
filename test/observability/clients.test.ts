/** Whose queries packet workers answer is known too: clients, the pods that they are, and what their search lists waste. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { TopView } from '../../src/admin/view.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'
import { exchange } from '../support/exchange.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/until.ts'

const HACK = fileURLToPath(new URL('../../hack', import.meta.url))
const PATIENCE_MS = 30_000
const ASKER = '127.0.0.7'
const OBJECTS = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Service
metadata: { name: jobs, namespace: shop }
spec: { clusterIP: None, selector: { app: jobs } }
---
apiVersion: v1
kind: Pod
metadata: { name: asker-0, namespace: shop, labels: { app: jobs } }
status: { podIP: ${ASKER}, phase: Running, conditions: [{ type: Ready, status: "True" }] }
`

test('what packet workers answer is told by client, with the ndots line that would spare it', { timeout: 90_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-clients-'))
  const [port, admin, metrics] = [await freePort(), await freePort(), await freePort()]
  writeFileSync(join(folder, 'objects.yaml'), OBJECTS)
  writeFileSync(join(folder, 'Corefile'), `.:${port} {\n bind 127.0.0.1\n errors\n prometheus 127.0.0.1:${metrics}\n cache 300\n kubernetes cluster.local {\n  objects objects.yaml\n  ttl 300\n }\n}\n`)
  const program = Program.start(`${HACK}/hearth-cluster -conf Corefile -admin-listen-address 127.0.0.1:${admin}`, { cwd: folder })
  try {
    await until(() => / ready /.test(program.output) || program.ended, PATIENCE_MS)
    const packet = (id: number) => {
      const message = new Message()
      message.id = id
      message.rd = true
      message.questions = [{ name: 'www.example.com.shop.svc.cluster.local.', type: 1, class: 1 }]
      return encodeMessage(message)
    }
    for (let round = 0; round < 40; round++) await exchange(Array.from({ length: 10 }, (_, i) => packet(round * 10 + i)), { host: '127.0.0.1', port, source: ASKER, waitMs: PATIENCE_MS })
    const shown = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
    const hits = Number(/^hearth_packet_cache_hits_total (\d+)$/m.exec(shown)?.[1])
    assert.ok(hits > 300, `${hits} of 400 were answered by packet workers`)
    const top = async () => await (await fetch(`http://127.0.0.1:${admin}/top`)).json() as TopView
    // Workers are looked at once a second, and read a look later.
    await until(async () => (await top()).queries === 400, PATIENCE_MS)
    const { clients, names, waste, wasted, pods } = await top()
    assert.deepEqual(clients.map(({ key, count }) => [key, count]), [[ASKER, 400]])
    assert.deepEqual(names.map(({ count }) => count), [400])
    assert.equal(wasted, 400)
    assert.deepEqual(waste.map(({ client, names: meant, advice }) => [client, meant, advice]), [[ASKER, ['www.example.com'], 'dnsConfig: { options: [{ name: ndots, value: "2" }] }']])
    assert.deepEqual(pods, { [ASKER]: 'shop/asker-0' })
    assert.match(execFileSync(`${HACK}/hearth-cluster`, ['waste', '--admin', `127.0.0.1:${admin}`], { encoding: 'utf8' }), /^400 of 400 queries .*\(100 %\)[^]*127\.0\.0\.7 \(shop\/asker-0\)[^]*ndots, value: "2"/)
  } finally {
    await program.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})
