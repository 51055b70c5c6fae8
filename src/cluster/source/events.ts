import type { IncomingMessage } from 'node:http'
import type { Kind } from '../objects.ts'
import { framesOf } from './frames.ts'
import { linesOf } from './lines.ts'
import { decodeList, decodeWatchEvent } from './protobuf-objects.ts'

/** What we can read, best first: protobuf has half the octets of JSON and is read without looking at most of them. */
export const ACCEPT = 'application/vnd.kubernetes.protobuf, application/json'

const PAGE_LIMIT_BYTES = 512 * 1024 * 1024

/** An object as JSON says it, or those of its fields that we need. */
export interface ApiObject {
  readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly resourceVersion?: string; readonly annotations?: Readonly<Record<string, string>> }
  /** Of a Status. */
  readonly code?: number
  readonly message?: string
}

export interface WatchEvent {
  readonly type: string
  readonly object: ApiObject
}

export interface Page {
  readonly items?: readonly unknown[]
  readonly metadata?: { readonly continue?: string; readonly resourceVersion?: string }
}

/** What is expected: objects of a kind, and of Pods' labels those named. */
export interface Expected {
  readonly kind: Kind
  readonly podLabels: readonly string[]
}

/** Events of a watch as they come in. Throws for a stream that is none. */
export async function* eventsOf(expected: Expected, body: IncomingMessage): AsyncGenerator<WatchEvent> {
  if (isProtobuf(body)) for await (const frame of framesOf(body)) yield decodeWatchEvent(expected.kind, frame, expected.podLabels)
  else for await (const line of linesOf(body)) yield JSON.parse(line) as WatchEvent
}

/** One page of a list. Throws for a body that is none. */
export async function readPage(expected: Expected, body: IncomingMessage): Promise<Page> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body) {
    chunks.push(chunk as Uint8Array)
    size += (chunk as Uint8Array).length
    if (size > PAGE_LIMIT_BYTES) throw new Error(`a page with more than ${PAGE_LIMIT_BYTES} octets`)
  }
  const bytes = Buffer.concat(chunks)
  return (isProtobuf(body) ? decodeList(expected.kind, bytes, expected.podLabels) : JSON.parse(bytes.toString())) as Page
}

function isProtobuf(body: IncomingMessage): boolean {
  return (body.headers['content-type'] ?? '').startsWith('application/vnd.kubernetes.protobuf')
}
