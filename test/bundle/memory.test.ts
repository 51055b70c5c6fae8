import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS } from '../../hack/bench/servers.ts'
import { encodeAsked } from '../support/query-mix.ts'
import { exchange } from '../support/exchange.ts'
import { memoryGroup } from '../support/memory-group.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/until.ts'

const BUNDLE = fileURLToPath(new URL('../../hack/bundle.ts', import.meta.url))
const LIMIT_BYTES = 96 * 1024 * 1024
const NAMES = 10_000

test('the agent with 10,000 names runs within 96 MiB', { timeout: 120_000 }, async (context) => {
  const group = memoryGroup(LIMIT_BYTES)
  if (group === undefined) return context.skip('needs cgroups that can be written')
  const folder = mkdtempSync(join(tmpdir(), 'hearth-memory-'))
  execFileSync(process.execPath, [BUNDLE, join(folder, 'out')])
  const port = await freePort()
  writeFileSync(join(folder, 'Corefile'), `.:${port} {\n bind 127.0.0.1\n errors\n prometheus 127.0.0.1:${await freePort()}\n cache 3600 {\n  success ${NAMES * 2}\n }\n loadbalance\n template IN A {\n  answer "{{ .Name }} 3600 IN A 192.0.2.1" "{{ .Name }} 3600 IN A 192.0.2.2"\n }\n}\n`)
  const run = `${process.execPath} ${NODE_FLAGS['hearth-node'].join(' ')} ${folder}/out/hearth-node/lib/hearth-node.mjs -localip 127.0.0.1 -setupinterface=false -setupiptables=false -metrics-listen-address= -admin-listen-address= -basecorefile ${folder}/none -conf ${folder}/Corefile`
  // As the images are made: compiled by a run with the same flags.
  const env = { NODE_COMPILE_CACHE: join(folder, 'cache') }
  const compiled = Program.start(run, { env })
  await until(() => / ready /.test(compiled.output), 30_000)
  await compiled.stop()
  writeFileSync(join(folder, 'start'), `#!/bin/sh\necho $$ > ${group.folder}/cgroup.procs\nexec ${run}\n`, { mode: 0o755 })
  const program = Program.start(`${folder}/start`, { env })
  try {
    await until(() => / ready /.test(program.output) || program.ended, 30_000)
    // What the start needed is given back after two seconds; nobody has 10,000 names before that.
    await new Promise((resolve) => setTimeout(resolve, 3000))
    // Stored, then answered by the resolver thread, then by packet workers.
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < NAMES; i += 100) {
        const packets = Array.from({ length: 100 }, (_, k) => encodeAsked({ name: `service-${i + k}.namespace-${i % 50}.svc.cluster.local.`, upper: false, type: 1, rd: true, ad: false, cd: false, edns: undefined }, k))
        const { replies } = await exchange(packets, { host: '127.0.0.1', port, waitMs: 10_000 })
        assert.equal(replies.length, 100, program.output)
      }
    }
    assert.ok(!program.ended, program.output)
    context.diagnostic(`at most ${(group.peak() / 2 ** 20).toFixed(1)} MiB`)
    assert.ok(group.peak() <= LIMIT_BYTES)
  } finally {
    await program.stop()
    group.remove()
    rmSync(folder, { recursive: true, force: true })
  }
})
