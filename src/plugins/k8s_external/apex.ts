import type { Externals } from '../../core/externals.ts'
import type { Query } from '../../core/query.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import type { ResourceRecord } from '../../wire/message.ts'
import { countLabels, lowerName, splitLabels, type Name } from '../../wire/name.ts'
import { nameRdata, soaRdata } from '../../wire/rdata.ts'
import type { K8sExternalOptions } from './options.ts'
import { addressRecord, below, NODATA, type Found } from './records.ts'

/** The zone's own names: itself, `APEX.ZONE` and `ns1.APEX.ZONE`. */
export class Apex {
  readonly #externals: Externals
  readonly #options: K8sExternalOptions

  constructor(externals: Externals, options: K8sExternalOptions) {
    this.#externals = externals
    this.#options = options
  }

  /** At the zone itself. */
  own(q: Query, zone: Name): Found {
    const { name, type } = q.question
    if (type === TYPE.SOA) return { ...NODATA, answers: [this.soa(zone)] }
    if (type !== TYPE.NS) return NODATA
    const { ttl, apex } = this.#options
    const server = below(`ns1.${apex}`, zone)
    return {
      ...NODATA,
      answers: [{ name: zone, type, class: CLASS.IN, ttl, rdata: nameRdata(server) }],
      additionals: this.#addresses(below(`ns1.${apex}`, name)),
    }
  }

  /** At or below `APEX.ZONE`. */
  below(q: Query, zone: Name): Found {
    const { name, type } = q.question
    const labels = splitLabels(lowerName(name)).slice(0, -countLabels(zone) || undefined)
    if (labels.length === 1) return NODATA
    if (labels.length > 2 || labels[0] !== 'ns1') return undefined
    return { ...NODATA, answers: this.#addresses(name).filter((record) => record.type === type) }
  }

  /** In lower case, whatever the question's. */
  soa(zone: Name): ResourceRecord {
    const { apex, ttl } = this.#options
    const rdata = soaRdata({
      mname: below(`ns1.${apex}`, zone),
      rname: below(`hostmaster.${apex}`, zone),
      serial: this.#externals.serial,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttl,
    })
    return { name: zone, type: TYPE.SOA, class: CLASS.IN, ttl, rdata }
  }

  #addresses(owner: Name): ResourceRecord[] {
    return this.#externals.nameServers(this.#options.headless).map((address) => addressRecord(owner, address, this.#options.ttl))
  }
}
