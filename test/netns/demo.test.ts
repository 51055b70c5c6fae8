import assert from 'node:assert/strict'
import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'

const RUN = fileURLToPath(new URL('../../hack/run.sh', import.meta.url))
const run = promisify(execFile)

test('hack/run.sh --once shows the main job in namespaces', { skip: lacks({ root: true, commands: ['unshare', 'nsenter'] }) }, async () => {
  const { stdout } = await run(RUN, ['--once'])
  assert.match(stdout, /14 of 14 answers as expected/)
  assert.match(stdout, /answered by the node's cache/)
  assert.match(stdout, /skip conntrack, udp to 169\.254\.20\.10 port 53/)
})

test('the demo runs on loopback ports where there is no right to make namespaces', async () => {
  const { stdout } = await run(RUN, ['--once', '--loopback'])
  assert.match(stdout, /both programs run on loopback ports/)
  assert.match(stdout, /14 of 14 answers as expected/)
})

test('an argument that hack/run.sh does not know is refused', async () => {
  await assert.rejects(run(RUN, ['--onec']), { code: 2, stderr: 'usage: ./hack/run.sh [--once] [--loopback]\n' })
})

describe('the demo leaves nothing behind', () => {
  const ends: readonly { readonly title: string; readonly end: (demo: ChildProcess, print: string) => boolean; readonly folder: 'gone' | 'may stay' }[] = [
    { title: 'when it is interrupted after the tour', end: (demo, print) => print.includes('Ctrl-C ends it') && demo.kill('SIGINT'), folder: 'gone' },
    { title: 'when it is interrupted in the middle', end: (demo, print) => print.includes('(the same again)') && demo.kill('SIGTERM'), folder: 'gone' },
    { title: 'when nobody reads on', end: (demo, print) => print.includes('As a pod') && demo.stdout!.destroy().destroyed, folder: 'gone' },
    { title: 'when it is killed', end: (demo, print) => print.includes('Ctrl-C ends it') && demo.kill('SIGKILL'), folder: 'may stay' },
  ]
  for (const { title, end, folder } of ends) {
    test(title, async () => {
      const mine = mkdtempSync(join(tmpdir(), 'hearth-demo-test-'))
      const demo = spawn(RUN, [], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TMPDIR: mine } })
      let print = ''
      let ending = false
      demo.stdout.on('data', (chunk: Buffer) => {
        print += chunk.toString()
        ending ||= end(demo, print)
      })
      await once(demo, 'exit')
      assert.ok(ending, print)
      await until(() => processesWith(`TMPDIR=${mine}`).length === 0)
      if (folder === 'gone') assert.deepEqual(readdirSync(mine), [])
      rmSync(mine, { recursive: true })
    })
  }
})

/** Command lines of processes whose environment says `setting`. */
function processesWith(setting: string): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(setting) ? [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')] : []
    } catch {
      return [] // Another user's, or gone meanwhile.
    }
  })
}
