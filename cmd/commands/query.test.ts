import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ScriptedUpstream, type Asked } from '../../test/support/scripted-upstream.ts'

const PROGRAM = fileURLToPath(new URL('../../hack/hearth-cluster', import.meta.url))
const TLS = new URL('../../test/support/tls/', import.meta.url)

interface Ended {
  readonly status: number
  readonly out: string
}

function query(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(PROGRAM, ['query', ...args], { encoding: 'utf8' }, (error, stdout, stderr) => resolve({ status: error === null ? 0 : Number(error.code), out: stdout + stderr }))
  })
}

async function withServer(script: (asked: Asked) => void, use: (server: ScriptedUpstream) => Promise<void>, tls = false): Promise<void> {
  const options = tls ? { tls: { key: readFileSync(new URL('server.key', TLS)), cert: readFileSync(new URL('server.pem', TLS)) } } : {}
  const server = await ScriptedUpstream.open(script, options)
  try {
    await use(server)
  } finally {
    server.close()
  }
}

const RECORDS = ['a.example. 60 IN A 10.1.1.1', 'a.example. 60 IN MX 10 mx.example.', 'a.example. 60 IN TXT "one two" "three"', 'a.example. 60 IN HTTPS 1 . alpn=h2', 'a.example. 60 IN SRV 1 2 53 x.example.']

describe('query', () => {
  test('prints every kind of record as zone files have them, also those that dns-packet does not know', () => withServer((asked) => asked.answer(RECORDS), async (server) => {
    const { status, out } = await query('@127.0.0.1', '-p', String(server.port), 'a.example', 'ANY')
    assert.equal(status, 0, out)
    for (const line of ['a.example.\t60\tIN\tA\t10.1.1.1', 'a.example.\t60\tIN\tMX\t10 mx.example.', 'a.example.\t60\tIN\tTXT\t"one two" "three"', 'a.example.\t60\tIN\tHTTPS\t1 . alpn="h2"', 'a.example.\t60\tIN\tSRV\t1 2 53 x.example.']) {
      assert.ok(out.includes(line), `${line}\nin\n${out}`)
    }
    assert.match(out, /status: NOERROR, id: \d+\n;; flags: qr rd ra; QUERY: 1, ANSWER: 5/)
  }))

  test('JSON, flags and EDNS options, in the words of dig too', () => withServer((asked) => {
    const { edns } = asked.query
    asked.answer([], (reply) => {
      reply.rcode = 3
      reply.edns = { udpSize: 4096, version: 0, do: true, z: 0, options: [...edns!.options.filter((option) => option.code !== 12), { code: 15, data: Buffer.from('\0\x12no') }] }
    })
  }, async (server) => {
    const { status, out } = await query('--format', 'json', '@127.0.0.1', '-p', String(server.port), '+dnssec', '+cd', '+norec', '--nsid', '--cookie', '0102030405060708', '--subnet', '10.1.2.0/24', '--padding', '128', '+bufsize=4096', 'b.example', 'AAAA')
    assert.equal(status, 1)
    const reply = JSON.parse(out) as { status: string; edns: { udpSize: number; dnssec: boolean; options: string[] }; question: unknown[] }
    assert.equal(reply.status, 'NXDOMAIN')
    assert.deepEqual(reply.edns, { udpSize: 4096, version: 0, dnssec: true, options: ['NSID: ', 'CLIENT-SUBNET: 10.1.2.0/24/0', 'COOKIE: 0102030405060708', 'EDE: 18 (no)'] })
    assert.deepEqual(reply.question, [{ name: 'b.example.', type: 'AAAA', class: 'IN' }])
    const { query: sent } = server.asked[0]!
    assert.deepEqual([sent.rd, sent.cd, sent.edns!.do, sent.edns!.udpSize, sent.edns!.options.some((option) => option.code === 12)], [false, true, true, 4096, true])
  }))

  test('a truncated reply is asked for again over TCP; +short prints data alone', () => withServer((asked) => asked.answer(asked.protocol === 'udp' ? [] : ['a.example. 60 IN A 10.1.1.1'], (reply) => { reply.tc = asked.protocol === 'udp' }), async (server) => {
    assert.deepEqual(await query('+short', '@127.0.0.1', '-p', String(server.port), 'a.example'), { status: 0, out: '10.1.1.1\n' })
    assert.match((await query('+ignore', '@127.0.0.1', '-p', String(server.port), 'a.example')).out, /flags: qr tc/)
  }))

  test('an address is asked for backwards', () => withServer((asked) => asked.answer([]), async (server) => {
    assert.match((await query('@127.0.0.1', '-p', String(server.port), '10.1.2.3')).out, /;3\.2\.1\.10\.in-addr\.arpa\.\tIN\tPTR/)
  }))

  test('TLS: the certificate counts, unless it is said that it does not', () => withServer((asked) => asked.answer(['a.example. 60 IN A 10.1.1.1']), async (server) => {
    const to = ['@127.0.0.1', '-p', String(server.port), '--tls', '+short', 'a.example']
    assert.equal((await query(...to)).status, 2)
    assert.equal((await query(...to, '--tls-ca', fileURLToPath(new URL('ca.pem', TLS)), '--tls-name', 'dns.test')).out, '10.1.1.1\n')
    assert.equal((await query(...to, '--tls-insecure')).out, '10.1.1.1\n')
  }, true))

  test('no reply, and words that mean nothing', async () => {
    await withServer(() => undefined, async (server) => {
      const { status, out } = await query('@127.0.0.1', '-p', String(server.port), '--timeout', '50', '--tries', '2', 'a.')
      assert.deepEqual([status, /no reply within 50 ms/.test(out), server.asked.length], [2, true, 2])
    })
    for (const words of [['@dns.example', 'a'], ['a', 'NOPE'], ['a..b'], ['+nothing', 'a'], ['a', 'A', 'b'], ['--bufsize', '70000', 'a'], ['--cookie', '01', 'a'], ['--subnet', 'x', 'a']]) {
      assert.equal((await query('--timeout', '50', '--tries', '1', ...words)).status, 2, words.join(' '))
    }
  })
})
