import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Host } from '../../hack/lab/host.ts'
import { Resident } from '../../hack/lab/resident.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { startUnbound } from './unbound.ts'

const skip = lacks({ root: true, commands: ['dig', 'dnsdist', 'nft', 'unbound', 'ip', 'ss'] })
const SERVER = '127.0.0.1'
const ONE = '10.9.0.1'
const TWO = '10.9.0.2'
const THREE = '10.9.0.3'
/** What every upstream answers, with a TXT record that is too long for a datagram. */
const ANSWERS = `  local-zone: "example." redirect
  local-data: "example. 60 IN A 192.0.2.1"
  local-data: "example. 60 IN TXT ${Array(400).fill('x').join(' ')}"
  local-zone: "." static
  local-data: ". 60 IN NS ns.example."
`
/** CoreDNS waits two seconds for a silent upstream, which is what we must not. The rest is for a machine that is busy. */
const SOON_MS = 1500

/** Real resolvers on addresses of their own, and hearth-cluster in front of them. */
describe('forward to unbound on the real kernel', { skip, concurrency: false }, () => {
  let host: Host
  let folder: string
  const upstreams = new Map<string, Resident>()
  let server: Resident | undefined
  let name = 0

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-upstreams-'))
    host = await Host.open('upstreams')
    await host.configure([{ do: 'up', link: 'lo' }, { do: 'address', link: 'lo', address: `${ONE}/32` }, { do: 'address', link: 'lo', address: `${TWO}/32` }, { do: 'address', link: 'lo', address: `${THREE}/32` }])
  })

  beforeEach(async () => {
    await server?.stop()
    server = undefined
    for (const address of [ONE, TWO]) if (!upstreams.has(address)) await startUpstream(address)
  })

  after(async () => {
    await server?.stop()
    for (const upstream of upstreams.values()) await upstream.stop()
    await host?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function startUpstream(address: string, lines = ''): Promise<void> {
    upstreams.set(address, await startUnbound(host, folder, address, `${ANSWERS}${lines}`))
  }

  async function stopUnbound(address: string): Promise<void> {
    await upstreams.get(address)!.stop()
    upstreams.delete(address)
  }

  async function serve(options: string, to = `${ONE} ${TWO}`, patienceMs = 20_000, above = ''): Promise<void> {
    const corefile = join(folder, 'Corefile')
    writeFileSync(corefile, `.:53 {\n    bind ${SERVER}\n    errors\n    ${above}\n    forward . ${to} {\n${options}\n    }\n}\n`)
    const main = fileURLToPath(new URL('../../cmd/hearth-cluster/main.ts', import.meta.url))
    server = await Resident.start('hearth-cluster', host.spawn(process.execPath, [main, '-conf', corefile, '-admin-listen-address', '']), /hearth-cluster-/)
    await until(async () => (await ask()).rcode === 'NOERROR', patienceMs)
  }

  /** A name that was not asked before. */
  async function ask(...args: string[]): Promise<{ rcode: string; tookMs: number; text: string }> {
    const text = await host.exec('dig', [`@${SERVER}`, '+time=6', '+tries=1', ...args, `n${name++}.example`, 'A']).catch((error: unknown) => String((error as { stdout?: string }).stdout))
    return { rcode: /status: (\w+)/.exec(text)?.[1] ?? 'none', tookMs: Number(/Query time: (\d+) msec/.exec(text)?.[1] ?? Infinity), text }
  }

  async function allAnswered(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const { rcode, tookMs, text } = await ask()
      assert.equal(rcode, 'NOERROR', `${text}\n${server!.output}`)
      assert.ok(tookMs < SOON_MS, `took ${tookMs} ms`)
    }
  }

  for (const [how, options] of [['over UDP', 'policy sequential'], ['over TCP', 'policy sequential\nforce_tcp']] as const) {
    test(`one is killed, ${how}: no query is lost, none waits`, async () => {
      await serve(options)
      upstreams.get(ONE)!.child.kill('SIGKILL')
      await allAnswered(6)
      upstreams.delete(ONE)
    })

    test(`one hangs, ${how}: it is left, and taken back when it goes on`, async () => {
      await serve(options)
      upstreams.get(ONE)!.child.kill('SIGSTOP')
      await allAnswered(6)
      upstreams.get(ONE)!.child.kill('SIGCONT')
      await stopUnbound(TWO)
      await until(async () => (await ask()).rcode === 'NOERROR', 10_000)
      await allAnswered(3)
    })

    test(`one flaps, ${how}: no query is lost`, async () => {
      await serve(options)
      const { child } = upstreams.get(ONE)!
      for (let i = 0; i < 4; i++) {
        child.kill(i % 2 === 0 ? 'SIGSTOP' : 'SIGCONT')
        await allAnswered(4)
      }
    })
  }

  test('connections are half open: what they carried goes over new ones', async () => {
    await serve('force_tcp\npolicy sequential')
    await ask()
    const ports = [...(await host.exec('ss', ['-Htn', 'dst', '10.9.0.0/24'])).matchAll(/:(\d+)\s+10\.9\.0\./g)].map((match) => match[1]!).filter((port) => port !== '53')
    assert.notEqual(ports.length, 0)
    // Nobody says that these connections are gone: what is sent on them does not arrive.
    await host.exec('nft', [`add table inet lost; add chain inet lost out { type filter hook output priority 0; }; add rule inet lost out tcp sport { ${[...new Set(ports)].join(', ')} } counter drop`])
    try {
      const { rcode, tookMs } = await ask()
      assert.equal(rcode, 'NOERROR')
      assert.ok(tookMs < SOON_MS, `took ${tookMs} ms`)
      assert.doesNotMatch(await host.exec('nft', ['list', 'table', 'inet', 'lost']), /counter packets 0 /)
    } finally {
      await host.exec('nft', ['delete', 'table', 'inet', 'lost'])
    }
  })

  test('TCP is refused: over UDP', async () => {
    for (const address of [ONE, TWO]) {
      await stopUnbound(address)
      await startUpstream(address, '  do-tcp: no\n')
    }
    await serve('force_tcp')
    await allAnswered(3)
    for (const address of [ONE, TWO]) await stopUnbound(address)
  })

  test('there is no TLS where it is wanted if there is: in plain text, and only then', async () => {
    await serve('tls_opportunistic', `tls://${ONE} tls://${TWO}`)
    await allAnswered(3)
    await server!.stop()
    await assert.rejects(serve('max_connect_attempts 1', `tls://${ONE}`, 2000), /not within/)
  })

  test('answers are truncated: TCP clients get them whole', async () => {
    await serve('')
    const text = await host.exec('dig', [`@${SERVER}`, '+noedns', 'large.example', 'TXT'])
    assert.match(text, /Truncated, retrying in TCP mode/)
    assert.match(text, /status: NOERROR[\s\S]*ANSWER: 1,/)
  })

  test('one is slow: the other is asked too, and from then on first', async () => {
    await stopUnbound(ONE)
    const config = join(folder, 'dnsdist.conf')
    writeFileSync(config, `setLocal("${ONE}:53")\nnewServer({address="${TWO}:53", healthCheckMode="up"})\naddAction(AllRule(), DelayAction(3000))\n`)
    const slow = await Resident.start('dnsdist', host.spawn('dnsdist', ['--supervised', '-C', config]), /Listening on|Marking downstream|Polled|ACL/i)
    try {
      assert.match(await host.exec('dig', [`@${ONE}`, '+time=6', '+tries=1', 'direct.example', 'A']), /status: NOERROR[\s\S]*Query time: [3-9]\d{3} msec/)
      await serve('policy sequential')
      await allAnswered(5)
    } finally {
      await slow.stop()
    }
  })

  test('one lies: it answers other questions, under other ids, and is not believed', async () => {
    await stopUnbound(ONE)
    // The question's own octets with a false id, then those of another name; an address that nobody has.
    const program = `const socket = require('node:dgram').createSocket('udp4', (packet, { port, address }) => {
      const forge = (edit) => {
        const head = Buffer.from(packet.subarray(0, packet.indexOf(0, 12) + 5))
        head.writeUInt16BE(0x8180, 2); head.writeUInt16BE(1, 6); head.writeUInt16BE(0, 10)
        edit(head)
        socket.send(Buffer.concat([head, Buffer.from('c00c00010001000000' + '3c0004c0000242', 'hex')]), port, address)
      }
      forge((head) => head.writeUInt16BE(head.readUInt16BE(0) ^ 1, 0))
      forge((head) => { head[13] ^= 3 })
    })
    socket.bind(53, '${ONE}', () => console.log('lying'))`
    const liar = await Resident.start('liar', host.spawn(process.execPath, ['-e', program]), /lying/)
    try {
      assert.doesNotMatch(await host.exec('dig', [`@${ONE}`, '+time=1', '+tries=1', 'direct.example', 'A']).catch((error: unknown) => String((error as { stdout?: string }).stdout)), /status: NOERROR[\s\S]*192\.0\.2\.1\n/)
      await serve('policy sequential')
      for (let i = 0; i < 5; i++) {
        const { rcode, tookMs, text } = await ask()
        assert.equal(rcode, 'NOERROR', text)
        assert.match(text, /192\.0\.2\.1\n/)
        assert.ok(tookMs < SOON_MS, `took ${tookMs} ms`)
      }
    } finally {
      await liar.stop()
    }
  })

  describe('what is followed while the program runs', () => {
    test('a file like resolv.conf: within five seconds others are asked, and what is cached stays', async () => {
      const file = join(folder, 'resolv.conf')
      writeFileSync(file, `nameserver ${ONE}\n`)
      await serve('', file, 20_000, 'cache 300')
      await host.exec('dig', [`@${SERVER}`, 'kept.example', 'A'])
      await stopUnbound(ONE)
      writeFileSync(file, `nameserver ${TWO}\n`)
      await until(() => server!.output.includes(`upstreams are now dns ${TWO}:53`), 10_000)
      await allAnswered(2)
      await stopUnbound(TWO)
      assert.match(await host.exec('dig', [`@${SERVER}`, 'kept.example', 'A']), /status: NOERROR[\s\S]*192\.0\.2\.1/)
    })

    test('resolvers behind a Service: it goes, they are replaced, and no query is lost', async () => {
      const named = (address: string) => `  local-zone: "dns.example." static\n  local-data: "dns.example. 5 IN A ${address}"\n`
      for (const address of [ONE, TWO]) {
        await stopUnbound(address)
        await startUpstream(address, named(TWO))
      }
      await serve('force_tcp\nendpoints dns.example', ONE, 20_000, 'cache 300')
      await until(() => server!.output.includes(`are now dns ${TWO}:53`), 10_000)
      await host.exec('dig', [`@${SERVER}`, 'kept.example', 'A'])
      // The Service is deleted and made anew with another address: what the agent was told at its start leads nowhere.
      await stopUnbound(ONE)
      await allAnswered(3)
      // A rollout: the new resolver is there, the old one says so, and leaves.
      await startUpstream(THREE, named(THREE))
      await stopUnbound(TWO)
      await startUpstream(TWO, named(THREE))
      await until(() => server!.output.includes(`are now dns ${THREE}:53`), 10_000)
      await stopUnbound(TWO)
      await allAnswered(5)
      await stopUnbound(THREE)
      assert.match(await host.exec('dig', [`@${SERVER}`, 'kept.example', 'A']), /status: NOERROR[\s\S]*192\.0\.2\.1/)
    })
  })

  test('all are dead for a while: SERVFAIL says why, and answers return by themselves', async () => {
    await serve('')
    for (const address of [ONE, TWO]) await stopUnbound(address)
    const { rcode, text } = await ask()
    assert.equal(rcode, 'SERVFAIL')
    assert.match(text, /EDE: 2[23] \(/)
    for (const address of [ONE, TWO]) await startUpstream(address)
    await until(async () => (await ask()).rcode === 'NOERROR', 10_000)
  })
})
