/** What the stage that knows a cluster tells `k8s_external`: services as the world outside sees them. */
export interface Externals {
  /** TTL of the cluster's own answers, in seconds. */
  readonly ttl: number
  /** For SOA records. */
  readonly serial: number
  /**
   * What lower-cased labels left of a zone stand for: `[ENDPOINT | PORT, PROTOCOL] SERVICE NAMESPACE`. Undefined: the name does not exist.
   * `headless`: services without external addresses stand for their endpoints.
   */
  find(labels: readonly string[], headless: boolean): readonly External[] | undefined
  /** Services that have this external address, as `SERVICE.NAMESPACE`. */
  servicesAt(address: Uint8Array): readonly string[]
  /**
   * Calls `listener` with `SERVICE.NAMESPACE`, `NAMESPACE` or '' (all of them) when what is below may have changed, and with addresses
   * whose services may have, until the result is called.
   */
  onChanged(listener: (labels: readonly string[], addresses: readonly Uint8Array[]) => void): () => void
  /** Addresses of the services that we are an endpoint of, else our own. */
  nameServers(headless: boolean): readonly Uint8Array[]
}

/** One port of one external address or host name. */
export interface External {
  /** As the object says it. */
  readonly host: string
  /** 4 or 16 octets; undefined when `host` is a name. */
  readonly address: Uint8Array | undefined
  /** -1 for none: such a service has no SRV records. */
  readonly port: number
  /** Labels of the SRV target left of the zone. */
  readonly owner: string
}
