import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Random, Streams } from '../core/env.ts'
import type { TlsSettings } from './tls-settings.ts'

/** Where an upstream is and how it is spoken to. */
export interface Endpoint {
  /** Literal address. */
  readonly address: string
  readonly port: number
  readonly transport: 'dns' | 'tls'
  /** Name to verify the certificate against. */
  readonly serverName?: string
}

/** How connections to an upstream are kept. */
export interface ConnectionSettings {
  /** Idle connections are closed after this. */
  readonly expireMs: number
  /** Connections take no new queries after this; 0 for no limit. */
  readonly maxAgeMs: number
  /** Connections take no new queries after so many; 0 for no limit. */
  readonly maxQueries: number
  /** Idle connections kept per protocol; 0 for no limit of its own. */
  readonly maxIdle: number
  readonly sourceAddress: string | undefined
  readonly tls: TlsSettings | undefined
}

/** What exchanges need of the world. */
export interface UpstreamWorld {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly streams: Streams
}

/** `127.0.0.1:53`, `[::1]:53`: the `to` label, and how errors name the upstream. */
export function endpointLabel(endpoint: Endpoint): string {
  return `${endpoint.address.includes(':') ? `[${endpoint.address}]` : endpoint.address}:${endpoint.port}`
}

/** Tells endpoints apart. */
export function endpointKey(endpoint: Endpoint): string {
  return `${endpoint.transport} ${endpointLabel(endpoint)} ${endpoint.serverName ?? ''}`
}
