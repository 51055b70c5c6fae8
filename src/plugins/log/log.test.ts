import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { PLUGINS } from '../index.ts'
import { DONE, DROP, type Stage } from '../../core/plugin.ts'
import { RCODE } from '../../wire/codes.ts'
import { scripted, testServer, type TestServer } from '../../../test/support/world.ts'

const [logPlugin] = PLUGINS.filter((plugin) => plugin.name === 'log')

/** Answers by the name: `slow.` after 150 ms, `fail.` with an error, `never.` with SERVFAIL, `no.` with NXDOMAIN, others NOERROR. */
function withLog(options: string, use: (server: TestServer) => Promise<void>): Promise<void> {
  return withLines(`log . ${options}`, use)
}

async function withLines(lines: string, use: (server: TestServer) => Promise<void>): Promise<void> {
  const answer: NonNullable<Stage['query']> = (q) => {
    const { name } = q.question
    if (name.startsWith('slow')) server.clock.advance(150)
    if (name.startsWith('fail')) {
      q.attempts = [{ to: '10.0.0.1:53', protocol: 'udp', tookMs: 42.5, outcome: 'i/o timeout' }]
      q.fail(RCODE.SERVFAIL, new Error('i/o timeout'))
    } else if (name.startsWith('never')) q.fail(RCODE.SERVFAIL)
    else q.begin(name.startsWith('no') ? RCODE.NXDOMAIN : RCODE.NOERROR)
    return DONE
  }
  const server = await testServer(`. {\n${lines}\nwhoami\n}`, { plugins: [logPlugin!, scripted(answer)] })
  await use(server)
  await server.stop()
}

async function linesOf(server: TestServer, names: readonly string[]): Promise<string[]> {
  for (const name of names) await server.ask(`${name} A`)
  return server.log.lines.map((line) => / IN (\S+) /.exec(line)?.[1] ?? line)
}

const ALL = ['fast.', 'slow.', 'fail.', 'never.', 'no.']

describe('log', () => {
  test('slow and errors pick what somebody would look for; class adds to them', async () => {
    for (const [options, picked] of [
      ['{\nslow 100ms\n}', ['slow.']],
      ['{\nerrors\n}', ['fail.', 'never.']],
      ['{\nslow 100ms\nerrors\n}', ['slow.', 'fail.', 'never.']],
      ['{\nslow 100ms\nclass denial\n}', ['slow.', 'no.']],
      ['{\nslow 151ms\n}', []],
      ['{\nsample 2\n}', ['fast.', 'fail.', 'no.']],
    ] as const) {
      await withLog(options, async (server) => assert.deepEqual(await linesOf(server, ALL), picked, options))
    }
  })

  test('a query that gets no reply is of the class error', async () => {
    for (const [options, count] of [['{\nclass error\n}', 1], ['{\nclass success\n}', 0]] as const) {
      const server = await testServer(`. {\nmetadata\nlog . "{name} {/log/type} {/log/class}" ${options}\nwhoami\n}`, { plugins: [...PLUGINS.filter((plugin) => plugin.name === 'metadata'), logPlugin!, scripted(() => DROP)] })
      assert.equal(await server.ask('a. A'), undefined)
      assert.deepEqual(server.log.lines, count === 0 ? [] : ['[INFO] a. OTHERERROR error'])
      await server.stop()
    }
  })

  test('log slow 100ms and log errors are the options for all names, and several lines are one rule', async () => {
    for (const [lines, picked] of [
      ['log slow 100ms', ['slow.']],
      ['log errors', ['fail.', 'never.']],
      ['log errors\nlog slow 100ms', ['slow.', 'fail.', 'never.']],
      ['log slow 100ms {\nclass denial\n}\nlog errors', ['slow.', 'fail.', 'never.', 'no.']],
      ['log no. {\nclass denial\n}\nlog errors', ['fail.', 'never.', 'no.']],
      // Names, as in CoreDNS.
      ['log slow fail', ['slow.', 'fail.']],
      ['log errors slow', ['slow.']],
    ] as const) {
      await withLines(lines, async (server) => assert.deepEqual(await linesOf(server, ALL), picked, lines))
    }
  })

  test('the line of a failed query has its upstreams with their times, and the reason', () => withLog('{\nerrors\n}', async (server) => {
    await server.ask('fail. A')
    assert.match(server.log.lines[0]!, / SERVFAIL qr,rd 22 0s 10\.0\.0\.1:53\/udp=0\.043s "i\/o timeout"$|0\.042s "i\/o timeout"$/)
  }))

  test('JSON is a line of its own without a level', () => withLog('{\nformat json\nerrors\n}', async (server) => {
    await server.ask('fail. A')
    const line = JSON.parse(server.log.lines[0]!) as { name: string; rcode: string; error: string; upstreams: unknown[] }
    assert.deepEqual([line.name, line.rcode, line.error, line.upstreams], ['fail.', 'SERVFAIL', 'i/o timeout', [{ to: '10.0.0.1:53', proto: 'udp', ms: 42.5, outcome: 'i/o timeout' }]])
  }))

  test('limit: the lines beyond it are counted and said once the time is over', () => withLog('{\nlimit 2 10s\n}', async (server) => {
    await linesOf(server, ['a.', 'b.', 'c.', 'd.'])
    assert.equal(server.log.lines.length, 2)
    server.clock.advance(10_000)
    assert.equal(server.log.lines.at(-1), '[WARNING] plugin/log: 2 lines left out (limit 2)')
    await server.ask('e. A')
    assert.match(server.log.lines.at(-1)!, / e\. /)
  }))

  test('only a log of slow queries alone lets the packet cache pass by it', async () => {
    for (const [options, quick] of [['{\nslow 1s\n}', true], ['{\nslow 1s\nerrors\n}', false], ['', false]] as const) {
      await withLog(options, async (server) => {
        assert.equal(server.generation.stages.find((stage) => stage.name === 'log')!.quick !== undefined, quick, options)
        await Promise.resolve()
      })
    }
  })

  test('options that contradict each other', async () => {
    await assert.rejects(testServer('. {\nlog . "{name}" {\nformat json\n}\n}', { plugins: PLUGINS }), /a FORMAT and "format json" cannot both be given/)
    await assert.rejects(testServer('. {\nlog {\nslow 0s\n}\n}', { plugins: PLUGINS }), /log: slow: must be at least 0\.001s/)
  })
})
