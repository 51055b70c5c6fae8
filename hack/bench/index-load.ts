/** The cluster index at scale: start, uncached answers, changes while answering, and a list that begins anew. */
import { Resolver } from 'node:dns/promises'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { dnsperf, type Load } from './dnsperf.ts'
import { Pinned } from './process.ts'

const SERVICES = 10_000
const ENDPOINTS_PER_SERVICE = 10
const PODS = 20_000
const CHANGES_PER_SECOND = 1000
const QUERIES_PER_SECOND = 10_000
const READY_MS = 60_000
/** How long the last change may take to be answered. */
const FOLLOW_MS = 5000

export interface IndexFigures {
  readonly peer: string
  readonly pods: 'insecure' | 'verified'
  readonly readyMs: number
  readonly peakMegabytes: number
  readonly cpuMicroseconds: number
  /** While endpoints change. */
  readonly p50: number
  readonly p99: number
  /** From the last change to the answer that has it. */
  readonly lagMs: number
  /** The longest answer while everything is listed anew: what the list may have held up, and what the machine did besides. */
  readonly relistMaxMs: number
}

export interface IndexRun {
  readonly peer: string
  readonly pods: 'insecure' | 'verified'
  readonly folder: string
  /** The first of three. */
  readonly port: number
  readonly cores: { readonly server: number; readonly load: number }
  readonly seconds: number
  /** Starts the program with a Corefile. */
  command(conf: string): readonly string[]
}

export async function measureIndex({ peer, pods, folder, port, cores, seconds, command }: IndexRun): Promise<IndexFigures> {
  const [readyPort, apiPort] = [port + 1, port + 2]
  const api = new Pinned(cores.load, [process.execPath, fileURLToPath(new URL('watch-stand-in.ts', import.meta.url)), String(apiPort), String(SERVICES), String(ENDPOINTS_PER_SERVICE), String(PODS)])
  const control = async (what: string) => (await fetch(`http://127.0.0.1:${apiPort}/bench/${what}`)).text()
  await until(() => api.output.includes('listening'), READY_MS, () => `the API server's stand-in does not come up: ${api.output}`)
  const conf = join(folder, `${peer}-index.Corefile`)
  writeFileSync(conf, `.:${port} {\n    bind 127.0.0.1\n    errors\n    ready 127.0.0.1:${readyPort}\n    kubernetes cluster.local in-addr.arpa {\n        endpoint http://127.0.0.1:${apiPort}\n        pods ${pods}\n    }\n}\n`)
  const startMs = performance.now()
  const server = new Pinned(cores.server, command(conf))
  let peakMegabytes = 0
  const sampler = setInterval(() => { peakMegabytes = Math.max(peakMegabytes, server.ended ? 0 : server.memory().unsharedMb) }, 20)
  try {
    await until(async () => (await fetch(`http://127.0.0.1:${readyPort}/ready`).catch(() => undefined))?.ok === true, READY_MS, () => `${peer} does not get ready: ${server.output}`)
    const readyMs = performance.now() - startMs
    const queries = join(folder, 'index.txt')
    writeFileSync(queries, await control('names'))
    const load: Load = { core: cores.load, port, queries, seconds, protocol: 'udp', rate: 0 }
    await dnsperf({ ...load, seconds: 2 })
    const before = server.cpu().total
    const full = await dnsperf(load)
    const cpu = server.cpu().total - before
    await control(`churn?rate=${CHANGES_PER_SECOND}`)
    const late = await dnsperf({ ...load, rate: QUERIES_PER_SECOND })
    const last = JSON.parse(await control('stop')) as { name: string; address: string }
    const changedMs = performance.now()
    const resolver = new Resolver({ timeout: 200, tries: 1 })
    resolver.setServers([`127.0.0.1:${port}`])
    const endpoint = `${last.address.replaceAll('.', '-')}.${last.name}.svc.cluster.local`
    await until(async () => (await resolver.resolve4(endpoint).catch((): string[] => [])).includes(last.address), FOLLOW_MS, () => `${peer} does not follow: no ${endpoint}`)
    const lagMs = performance.now() - changedMs
    const listing = dnsperf({ ...load, seconds: 4, rate: 1000 })
    await sleep(500)
    await control('expire')
    return { peer, pods, readyMs, peakMegabytes, cpuMicroseconds: cpu / full.answered, p50: late.p50, p99: late.p99, lagMs, relistMaxMs: (await listing).max / 1000 }
  } finally {
    clearInterval(sampler)
    await server.stop()
    await api.stop()
  }
}

async function until(holds: () => boolean | Promise<boolean>, ms: number, complaint: () => string): Promise<void> {
  for (const end = performance.now() + ms; !await holds();) {
    if (performance.now() > end) throw new Error(complaint())
    await sleep(5)
  }
}
