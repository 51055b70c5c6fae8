/** What README.md has people type, typed: each fence marked `bash` ends in a program that serves. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lacks } from '../support/needs.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { until } from '../support/until.ts'
import { ROOT } from './shell.ts'

const START_MS = 30_000
const text = readFileSync(join(ROOT, 'README.md'), 'utf8')

test('both programs run as README.md says, and answer the question that it asks', { skip: lacks({ commands: ['dig'] }), timeout: 120_000 }, async () => {
  const scripts = [...text.matchAll(/^```bash\n([^]*?)^```$/gm)].map((match) => match[1]!)
  assert.equal(scripts.length, 2)
  const question = /`dig -p 1053 (@\S+ \S+)`/.exec(text)?.[1]
  assert.ok(question !== undefined)
  const folder = mkdtempSync(join(tmpdir(), 'hearth-readme-'))
  symlinkSync(join(ROOT, 'hack'), join(folder, 'hack'))
  try {
    for (const script of scripts) {
      const port = String(await freePort())
      const quiet = script.includes('hearth-node') ? '-admin-listen-address= -metrics-listen-address=' : '-admin-listen-address='
      writeFileSync(join(folder, 'script'), `${script.replaceAll('1053', port).replace(/^(?=\.\/hack\/hearth-)/m, 'exec ').trimEnd()} ${quiet}\n`)
      const program = Program.start('bash script', { cwd: folder })
      try {
        await until(() => / ready /.test(program.output) || program.ended, START_MS)
        assert.equal(execFileSync('dig', ['-p', port, '+short', ...question.split(' ')], { encoding: 'utf8' }), '10.96.20.1\n', program.output)
      } finally {
        await program.stop()
      }
      assert.equal(program.child.exitCode, 0, program.output)
    }
    const checked = execFileSync(join(ROOT, 'hack/hearth-cluster'), ['check', 'Corefile'], { cwd: folder, encoding: 'utf8' })
    assert.match(checked, /^Corefile: 0 errors, \d warnings$/m)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
