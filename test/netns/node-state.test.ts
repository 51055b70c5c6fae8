/** Walks the cells of src/node/state-table.ts on the real kernel: what happens to an agent, and what is there afterwards. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, afterEach, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Resident } from '../../hack/lab/resident.ts'
import { FATES, fateOf, STATE, type Happening, type Row, type Subject, type Thing } from '../../src/node/state-table.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { ADDRESSES, ClusterLab } from './cluster-lab.ts'

const skip = lacks({ root: true, commands: ['nft', 'ip', 'ss', 'iptables-nft', 'ip6tables-nft'] })
const MAIN = fileURLToPath(new URL('../../cmd/hearth-node/main.ts', import.meta.url))
/** Between the interface's lifetime and a machine that keeps processes waiting. */
const PATIENCE_MS = 20_000
const OF: Readonly<Record<Subject, readonly string[]>> = { VIP: [ADDRESSES.vip, ADDRESSES.vip6], 'link-local': [ADDRESSES.linkLocal, ADDRESSES.linkLocal6] }

/** What the kernel has of the agents' things. */
interface Seen {
  readonly unix: string
  readonly ruleset: string
  readonly addresses: string
  readonly sockets: string
}

/** Whether a thing is there for an address. */
const SEE: Readonly<Record<Thing, (seen: Seen, address: string) => boolean>> = {
  presence: ({ unix }) => unix.includes('@hearth-node/'),
  address: ({ addresses }, address) => addresses.includes(` ${address}/`),
  sockets: ({ sockets }, address) => sockets.includes(address.includes(':') ? `[${address}]:53` : `${address}:53`),
  'answers untracked': ({ ruleset }, address) => ruleset.includes(`skip conntrack, udp from ${address} port 53`),
  'queries untracked': ({ ruleset }, address) => tables(ruleset).some((table) => table.includes(`skip conntrack, udp to ${address} port 53`) && hasLease(table, address)),
  lease: ({ ruleset }, address) => tables(ruleset).some((table) => hasLease(table, address)),
  fallback: ({ ruleset }, address) => ruleset.includes(`without an agent, udp to ${address} goes to`),
  masquerade: ({ ruleset }, address) => ruleset.includes(`what leaves from ${address} leaves as the node`),
  'accept rules': ({ ruleset }, address) => ruleset.includes(`allow DNS, udp to ${address}`),
}

describe('the table of what agents keep in the kernel', { skip, concurrency: false }, () => {
  let lab: ClusterLab
  const agents: Resident[] = []
  before(async () => {
    lab = await ClusterLab.open('nftables')
    await withFilter()
  })
  afterEach(async () => {
    for (const agent of agents.splice(0)) {
      agent.child.kill('SIGKILL')
      await ended(agent)
    }
    await until(async () => await cleanup() === 0, PATIENCE_MS)
  })
  after(async () => lab?.close())

  /** kube-proxy's rules, and a filter table that the host has. */
  const withFilter = async () => {
    await lab.translate('nftables')
    for (const command of ['iptables-nft', 'ip6tables-nft']) await lab.node.exec(command, ['-P', 'INPUT', 'ACCEPT'])
  }

  const start = async () => {
    const agent = await lab.startAgent(['--accept-rules', 'always'], /ip6 hearth-fallback" targets="10/)
    agents.push(agent)
    return agent
  }
  const startTwin = async () => {
    const agent = await lab.startAgent(['--accept-rules', 'always'], /rules in force/)
    agents.push(agent)
    return agent
  }
  const see = async (): Promise<Seen> => ({
    unix: await lab.node.exec('cat', ['/proc/net/unix']),
    ruleset: await lab.node.exec('nft', ['list', 'ruleset']),
    addresses: await lab.node.exec('ip', ['addr', 'show', 'lo']),
    sockets: await lab.node.exec('ss', ['-Hlun']),
  })
  const cleanup = () => lab.node.exec(process.execPath, [MAIN, 'cleanup']).then(() => 0, (error: { code: number }) => error.code)

  /** Waits until every cell of the column is as the table says. */
  const check = async (happening: Happening, twin: boolean, passOver: readonly Thing[] = []) => {
    let wrong: string[] = []
    const rows = STATE.filter((row) => !passOver.includes(row.thing))
    await until(async () => {
      const seen = await see()
      wrong = rows.flatMap((row) => row.subjects.flatMap((subject) => mistakes(row, subject, happening, twin, seen)))
      return wrong.length === 0
    }, PATIENCE_MS).catch(() => assert.fail(wrong.join('\n')))
  }

  test('ready, flushed by others, hung, killed, cleaned up: alone', async () => {
    const agent = await start()
    await check('ready', false)
    await lab.node.exec('nft', ['delete', 'table', 'ip', 'hearth-fallback'])
    await lab.node.exec('sh', ['-c', `for c in INPUT OUTPUT; do iptables-nft -F $c; ip6tables-nft -F $c; done; for a in ${ADDRESSES.vip}/32 ${ADDRESSES.linkLocal}/32; do ip addr del $a dev lo; done`])
    await check('flushed by others', false)
    agent.child.kill('SIGSTOP')
    await check('hung', false)
    agent.child.kill('SIGCONT')
    await check('ready', false)
    agent.child.kill('SIGKILL')
    await ended(agent)
    await check('SIGKILL', false)
    assert.equal(await cleanup(), 0)
    await check('cleanup', false)
  })

  test('nft flush ruleset spares what belongs to the agent, and the rest is back', async () => {
    await start()
    await lab.node.exec('nft', ['flush', 'ruleset'])
    await withFilter()
    await check('flushed by others', false)
  })

  test('SIGTERM: alone', async () => {
    const agent = await start()
    await agent.stop()
    assert.equal(agent.child.exitCode, 0, agent.output)
    await check('SIGTERM', false)
  })

  test('beside a twin: hung, flushed, cleaned up, killed', async () => {
    const [first] = [await start(), await startTwin()]
    assert.equal(await cleanup(), 1, 'cleanup refuses')
    await check('cleanup', true)
    await lab.node.exec('nft', ['delete', 'table', 'ip', 'hearth-fallback'])
    await check('flushed by others', true)
    first.child.kill('SIGSTOP')
    await check('hung', true)
    first.child.kill('SIGKILL')
    await ended(first)
    await check('SIGKILL', true)
  })

  test('beside a twin: SIGTERM', async () => {
    const [first] = [await start(), await startTwin()]
    await first.stop()
    await check('SIGTERM', true)
  })

  test('start: before it answers, an agent has told of itself and has its addresses', async () => {
    const agent = await lab.startAgent(['--accept-rules', 'always', '-basecorefile', lab.corefileThatWaits()], /address added.*\n.*address added.*\n.*address added.*\n.*address added/)
    agents.push(agent)
    // Sockets open when every stage has started, which is what this agent waits for.
    await check('start', false, ['sockets'])
  })
})

function mistakes(row: Row, subject: Subject, happening: Happening, twin: boolean, seen: Seen): string[] {
  const fate = fateOf(row, happening, twin)
  return OF[subject].flatMap((address) => {
    const there = SEE[row.thing](seen, address)
    // An address lapses after a minute; that it will is seen at once.
    const lapsing = row.thing === 'address' && fate === 'lapses' && there && new RegExp(` ${address}/.*\\n\\s+valid_lft \\d+sec`).test(seen.addresses)
    return lapsing || there === FATES[fate].there ? [] : [`${row.thing} for ${address} at ${happening}, ${twin ? 'beside a twin' : 'alone'}: ${fate}, but it is ${there ? '' : 'not '}there`]
  })
}

/** Those of agents. */
function tables(ruleset: string): string[] {
  return ruleset.split(/^(?=table )/m).filter((text) => text.startsWith('table inet hearth-'))
}

function hasLease(table: string, address: string): boolean {
  return [...table.matchAll(/elements = \{([^}]*)\}/g)].some((match) => new RegExp(`(?:^|[\\s,])${address.replaceAll('.', '\\.')} (?:timeout|expires)`).test(match[1]!))
}

async function ended(agent: Resident): Promise<void> {
  if (agent.child.exitCode === null && agent.child.signalCode === null) await once(agent.child, 'exit')
}
