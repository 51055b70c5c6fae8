import type { Timer } from '../../base/clock.ts'
import type { Env } from '../../core/env.ts'
import type { Gauge, Metrics } from '../../core/metrics.ts'
import { DONE, NEXT, type Stage, type Verdict } from '../../core/plugin.ts'
import type { Query } from '../../core/query.ts'
import { addressOfReverse } from '../../core/reverse.ts'
import { fallsThrough, matchZone } from '../../core/zones.ts'
import { CLASS, RCODE, TYPE } from '../../wire/codes.ts'
import { lowerName, type Name } from '../../wire/name.ts'
import { nameRdata } from '../../wire/rdata.ts'
import type { HostsOptions } from './options.ts'
import { HostsTable } from './table.ts'

const NO_TABLE = new HostsTable([], [], false)
/** A file larger than this is refused: it is no hosts file. */
const FILE_LIMIT_BYTES = 64 * 1024 * 1024

/** Answers from a hosts file and from the lines in the Corefile (specification 3.19). */
export class Hosts implements Stage {
  readonly name = 'hosts'
  readonly #env: Env
  readonly #options: HostsOptions
  readonly #path: string
  readonly #inline: HostsTable
  readonly #entries: Gauge
  readonly #reloaded: Gauge
  #file = NO_TABLE
  #seen = ''
  #timer: Timer | undefined

  constructor(env: Env, options: HostsOptions) {
    this.#env = env
    this.#options = options
    this.#path = env.files.resolve(options.file)
    this.#inline = new HostsTable(options.inline, options.zones, !options.noReverse)
    this.#entries = env.metrics.gauge('coredns_hosts_entries', 'The combined number of entries in hosts and Corefile.', ['hostsfile']).with(options.file)
    this.#reloaded = reloadTime(env.metrics)
  }

  async start(): Promise<void> {
    if (this.#env.files.stat(this.#path) === undefined) this.#env.log.warning(`File does not exist: ${this.#path}`)
    this.#read()
    if (this.#options.reloadMs > 0) this.#timer = this.#env.clock.every(this.#options.reloadMs, () => this.#read())
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#timer?.cancel()
    return Promise.resolve()
  }

  query(q: Query): Verdict {
    const name = lowerName(q.question.name)
    const { type } = q.question
    if (matchZone(this.#options.zones, name) === undefined && type !== TYPE.PTR) return NEXT
    if (type === TYPE.PTR) return this.#reverse(q, name)
    if (type === TYPE.A) return this.#forward(q, name, 4)
    if (type === TYPE.AAAA) return this.#forward(q, name, 6)
    return this.#otherType(q, name)
  }

  #forward(q: Query, name: Name, family: 4 | 6): Verdict {
    const found = [...this.#file.addresses(name, family), ...this.#inline.addresses(name, family)]
    if (found.length === 0 && !this.#has(name)) return this.#missing(q, name)
    const reply = q.begin()
    reply.aa = true
    // Of class IN whatever the class asked for, as in CoreDNS.
    const { type } = q.question
    reply.answers = found.map((rdata) => ({ name, type, class: CLASS.IN, ttl: this.#options.ttl, rdata }))
    return DONE
  }

  #reverse(q: Query, name: Name): Verdict {
    const address = addressOfReverse(name)
    const found = address === undefined ? [] : [...this.#file.names(address), ...this.#inline.names(address)]
    if (found.length === 0) return NEXT
    const reply = q.begin()
    reply.aa = true
    reply.answers = found.map((target) => ({ name, type: TYPE.PTR, class: CLASS.IN, ttl: this.#options.ttl, rdata: nameRdata(target) }))
    return DONE
  }

  #otherType(q: Query, name: Name): Verdict {
    if (!this.#has(name)) return this.#missing(q, name)
    if (this.#options.fallthroughUnsupported && fallsThrough(this.#options.fallthrough, name)) return NEXT
    q.begin().aa = true
    return DONE
  }

  /** CoreDNS answers SERVFAIL here, not NXDOMAIN: the file does not own the zone. */
  #missing(q: Query, name: Name): Verdict {
    if (fallsThrough(this.#options.fallthrough, name)) return NEXT
    q.fail(RCODE.SERVFAIL)
    return DONE
  }

  #has(name: Name): boolean {
    return this.#file.has(name) || this.#inline.has(name)
  }

  /** Reads the file if it is another than before; what vanishes keeps its last content. */
  #read(): void {
    const { files, log, clock } = this.#env
    const stat = files.stat(this.#path)
    if (stat !== undefined && !stat.directory) {
      const version = `${stat.mtimeMs} ${stat.sizeBytes}`
      if (version === this.#seen) return
      this.#seen = version
      if (stat.sizeBytes > FILE_LIMIT_BYTES) return log.error(`${this.#path}: ${stat.sizeBytes} bytes are too many for a hosts file; keeping the previous content`)
      try {
        const text = new TextDecoder().decode(files.read(this.#path))
        this.#file = new HostsTable(text.split('\n'), this.#options.zones, !this.#options.noReverse)
      } catch (error) {
        return log.error(`${this.#path}: ${String(error)}; keeping the previous content`)
      }
      this.#reloaded.set((stat.mtimeMs || clock.wallMs()) / 1000)
    } else if (stat?.directory === true && this.#seen === '') {
      this.#seen = 'directory'
      log.warning(`${this.#path} is a directory, not a hosts file`)
    }
    this.#entries.set(this.#file.size + this.#inline.size)
  }
}

export function reloadTime(metrics: Metrics): Gauge {
  return metrics.gauge('coredns_hosts_reload_timestamp_seconds', 'The timestamp of the last reload of hosts file.').with()
}
