import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../test/support/ports.ts'
import { lacks } from '../../test/support/needs.ts'
import { until } from '../../test/support/until.ts'

const PROGRAM = fileURLToPath(new URL('../../hack/hearth-node', import.meta.url))

describe('top', () => {
  test('is live in a terminal until q, and gives the terminal back', { skip: lacks({ commands: ['script'] }) }, async () => {
    const port = await freePort()
    let asked = 0
    const server = createServer((request, response) => {
      asked++
      response.end(JSON.stringify(request.url!.startsWith('/seconds') ? [] : { seconds: 1, queries: 1, names: [{ key: `drawn-${asked}.`, count: 1, error: 0 }], clients: [], suffixes: [], denied: [], wasted: 0, waste: [], pods: {} }))
    }).listen(port, '127.0.0.1')
    const child = spawn('script', ['-qec', `${PROGRAM} top --interval 1 --admin 127.0.0.1:${port}`, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let screen = ''
    child.stdout.on('data', (chunk: Buffer) => { screen += chunk.toString() })
    try {
      await until(() => new Set(screen.match(/drawn-\d+/g)).size >= 2, 30_000)
      child.stdin.write('q')
      const status = await new Promise((resolve) => child.on('exit', resolve))
      assert.equal(status, 0)
      assert.ok(screen.includes('\u001b[?1049h') && screen.trimEnd().endsWith('\u001b[?1049l'), JSON.stringify(screen.slice(-60)))
    } finally {
      child.kill()
      server.close()
      server.closeAllConnections()
    }
  })
})
