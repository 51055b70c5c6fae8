import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS } from '../../hack/bench/servers.ts'
import { Host } from '../../hack/lab/host.ts'
import { Resident } from '../../hack/lab/resident.ts'
import { memoryGroup } from '../support/memory-group.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { startUnbound } from './unbound.ts'

const skip = lacks({ root: true, commands: ['dnsperf', 'unbound', 'dig', 'ip'] })
const MIB = 2 ** 20
const BUDGET_MIB = 128
/** Names are asked once: 100,000 a minute, and a flood besides at the end of each fault. `HEARTH_BUDGET_SECONDS=600` is the whole of it. */
const SECONDS = Number(process.env['HEARTH_BUDGET_SECONDS'] ?? 4)
const STEADY_PER_SECOND = 1700
const FLOOD_PER_SECOND = 10_000
const FLOOD_SECONDS = 3
const UPSTREAMS = ['10.9.0.1', '10.9.0.2'] as const

/** A program with a budget in a cgroup of that size, whose upstreams fail while names come that nobody has asked before. */
describe('memory stays within the budget on the real kernel', { skip, concurrency: false }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-budget-'))
  let host: Host
  let names = 0

  before(async () => {
    execFileSync(process.execPath, [fileURLToPath(new URL('../../hack/bundle.ts', import.meta.url)), join(folder, 'out')])
    host = await Host.open('budget')
    await host.configure([{ do: 'up', link: 'lo' }, ...UPSTREAMS.map((address) => ({ do: 'address', link: 'lo', address: `${address}/32` } as const))])
  })

  after(async () => {
    await host?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const upstreamAt = (address: string) => startUnbound(host, folder, address, '  outgoing-range: 512\n  local-zone: "." redirect\n  local-data: ". 60 IN A 192.0.2.1"\n')

  /** The program inside the group, as the image starts it. */
  async function start(program: 'hearth-node' | 'hearth-cluster', group: string): Promise<Resident> {
    const corefile = join(folder, `${program}.Corefile`)
    const block = (zone: string, rest: string) => `${zone}:53 {\n bind 127.0.0.1\n errors\n cache 30\n forward . ${UPSTREAMS.join(' ')} {\n${rest}\n }\n}\n`
    writeFileSync(corefile, `${block('cluster.local', 'force_tcp')}${block('.', '')}`)
    const own = program === 'hearth-node' ? '-localip 127.0.0.1 -setupinterface=false -setupiptables=false -metrics-listen-address= -basecorefile /none' : ''
    const command = `${process.execPath} ${NODE_FLAGS[program].join(' ')} ${join(folder, 'out', program, 'lib', `${program}.mjs`)} ${own} -admin-listen-address= -memory-budget ${BUDGET_MIB}Mi -conf ${corefile}`
    return Resident.start(program, host.spawn('sh', ['-c', `echo $$ > ${group}/cgroup.procs; exec ${command}`]), /ready \(/)
  }

  /** Asks for names that nobody has asked for before. */
  function flood(perSecond: number, seconds: number): Promise<void> {
    const file = join(folder, 'queries')
    writeFileSync(file, Array.from({ length: perSecond * seconds }, () => `u${names++}.${names % 2 === 0 ? 'ns.svc.cluster.local' : 'example'} A\n`).join(''))
    return new Promise((resolve, reject) => {
      execFile('nsenter', [`--net=/proc/${host.pid}/ns/net`, '--', 'dnsperf', '-s', '127.0.0.1', '-d', file, '-n', '1', '-l', String(seconds), '-Q', String(perSecond), '-q', '20000', '-c', '20', '-t', '1', '-S', '0'], { maxBuffer: 16 * MIB }, (error) => { if (error === null) resolve(); else reject(error) })
    })
  }

  const answers = async () => (await host.exec('dig', ['@127.0.0.1', '+time=1', '+tries=1', '+short', `n${names++}.example`, 'A']).catch(() => '')).includes('192.0.2.1')

  for (const program of ['hearth-node', 'hearth-cluster'] as const) {
    test(`${program}: ${BUDGET_MIB} MiB, with names that nobody has asked before, and upstreams that hang, flap and are dead`, { timeout: (SECONDS * 4 + 120) * 1000 }, async (context) => {
      const group = memoryGroup(BUDGET_MIB * MIB)
      if (group === undefined) return context.skip('needs cgroups that can be written')
      let upstreams = await Promise.all(UPSTREAMS.map(upstreamAt))
      const server = await start(program, group.folder)
      let unsharedMib = 0
      const pid = server.child.pid!
      const sampler = setInterval(() => { unsharedMib = Math.max(unsharedMib, unshared(pid)) }, 50)
      const signal = (name: NodeJS.Signals) => { for (const { child } of upstreams) child.kill(name) }
      const under = async (fault: string) => {
        await flood(STEADY_PER_SECOND, SECONDS)
        await flood(FLOOD_PER_SECOND, FLOOD_SECONDS)
        assert.ok(server.child.exitCode === null && server.child.signalCode === null, `ended while upstreams ${fault}: ${server.output.slice(-2000)}`)
        assert.equal(group.kills(), 0, fault)
        context.diagnostic(`upstreams ${fault}: at most ${unsharedMib.toFixed(0)} MiB unshared, ${(group.peak() / MIB).toFixed(0)} MiB of the group`)
      }
      try {
        await until(answers, 20_000)
        signal('SIGSTOP')
        await under('hang')
        const flapping = setInterval(() => signal(Math.floor(Date.now() / 1500) % 2 === 0 ? 'SIGCONT' : 'SIGSTOP'), 1500)
        await under('flap').finally(() => clearInterval(flapping))
        signal('SIGKILL')
        await under('are dead')
        upstreams = await Promise.all(UPSTREAMS.map(upstreamAt))
        await until(answers, 20_000)
        assert.ok(unsharedMib > 20 && unsharedMib <= BUDGET_MIB, `${unsharedMib} MiB`)
      } finally {
        clearInterval(sampler)
        signal('SIGCONT')
        await server.stop()
        for (const upstream of upstreams) await upstream.stop()
        await until(() => readFileSync(join(group.folder, 'cgroup.procs'), 'utf8') === '')
        group.remove()
      }
    })
  }
})

/** RssAnon and RssShmem, MiB; 0 when it has ended. */
function unshared(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return ['RssAnon', 'RssShmem'].reduce((sum, field) => sum + Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024, 0)
  } catch {
    return 0
  }
}
