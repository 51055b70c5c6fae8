import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { lacks } from '../support/needs.ts'

const RUN = fileURLToPath(new URL('../../hack/run.sh', import.meta.url))
const run = promisify(execFile)

test('hack/run.sh --once shows the main job in namespaces', { skip: lacks({ root: true, commands: ['unshare', 'nsenter'] }) }, async () => {
  const { stdout } = await run(RUN, ['--once'])
  assert.match(stdout, /14 of 14 answers as expected/)
  assert.match(stdout, /answered by the node's cache/)
  assert.match(stdout, /skip conntrack, udp to 169\.254\.20\.10 port 53/)
})

test('the demo runs on loopback ports where there is no right to make namespaces', async () => {
  const { stdout } = await run(process.execPath, [fileURLToPath(new URL('../../hack/lab/demo-loopback.ts', import.meta.url)), '--once'])
  assert.match(stdout, /No right to make network namespaces/)
  assert.match(stdout, /14 of 14 answers as expected/)
})
