/** API objects as protobuf, by the field numbers of k8s.io/api's generated.proto: everything a test may put into an object, and no more. */
import type { ApiObject } from './objects.ts'

type Json = Readonly<Record<string, unknown>>
type Encode = (value: unknown) => Buffer
/** Name in JSON → field number and how its value is written. A list is written as the same field again and again. */
type Fields = Readonly<Record<string, readonly [number: number, encode: Encode | 'varint']>>

const text: Encode = (value) => Buffer.from(String(value))
const nested = (fields: Fields): Encode => (value) => encodeFields(fields, value as Json)
const ENTRY: Fields = { key: [1, text], value: [2, text] }

const METADATA: Fields = {
  name: [1, text], namespace: [3, text], uid: [5, text], resourceVersion: [6, text], generation: [7, 'varint'],
  creationTimestamp: [8, time], deletionTimestamp: [9, time], labels: [11, nested(ENTRY)], annotations: [12, nested(ENTRY)],
}
const PORT: Fields = { name: [1, text], protocol: [2, text], port: [3, 'varint'] }
const OBJECTS: Readonly<Record<string, Fields>> = {
  Namespace: {},
  Pod: { spec: [2, nested({ nodeName: [10, text] })], status: [3, nested({ phase: [1, text], hostIP: [5, text], podIP: [6, text] })] },
  Service: {
    spec: [2, nested({ ports: [1, nested(PORT)], selector: [2, nested(ENTRY)], clusterIP: [3, text], type: [4, text], externalIPs: [5, text], externalName: [10, text], publishNotReadyAddresses: [13, 'varint'], clusterIPs: [18, text] })],
    status: [3, nested({ loadBalancer: [1, nested({ ingress: [1, nested({ ip: [1, text], hostname: [2, text] })] })] })],
  },
  EndpointSlice: {
    endpoints: [2, nested({
      addresses: [1, text], conditions: [2, nested({ ready: [1, 'varint'], serving: [2, 'varint'], terminating: [3, 'varint'] })], hostname: [3, text],
      targetRef: [4, nested({ kind: [1, text], namespace: [2, text], name: [3, text] })], nodeName: [6, text], zone: [7, text],
    })],
    ports: [3, nested(PORT)],
    addressType: [4, text],
  },
}
const STATUS: Fields = { status: [2, text], message: [3, text], reason: [4, text], code: [6, 'varint'] }

/** As the API server sends an object: the magic number, the wrapper, the object. */
export function encodeObject(object: ApiObject | Json): Buffer {
  const { kind } = object as { kind: string }
  const fields = kind === 'Status' ? STATUS : { metadata: [1, nested(METADATA)] as const, ...OBJECTS[kind]! }
  return envelope(kind, encodeFields(fields, object))
}

export function encodeList(kind: string, metadata: Json, items: readonly ApiObject[]): Buffer {
  const fields: Fields = { metadata: [1, nested({ resourceVersion: [2, text], continue: [3, text], remainingItemCount: [4, 'varint'] })], items: [2, nested({ metadata: [1, nested(METADATA)], ...OBJECTS[kind]! })] }
  return envelope(`${kind}List`, encodeFields(fields, { metadata, items }))
}

/** With its length before it, as watches are framed. */
export function encodeEvent(type: string, object: Json): Buffer {
  const event = encodeFields({ type: [1, text], object: [2, (raw) => encodeFields({ raw: [1, (octets) => octets as Buffer] }, { raw })] }, { type, object: encodeObject(object) })
  const length = Buffer.alloc(4)
  length.writeUInt32BE(event.length)
  return Buffer.concat([length, event])
}

function envelope(kind: string, raw: Buffer): Buffer {
  const typeMeta = encodeFields({ apiVersion: [1, text], kind: [2, text] }, { apiVersion: kind.startsWith('EndpointSlice') ? 'discovery.k8s.io/v1' : 'v1', kind })
  return Buffer.concat([Buffer.from('k8s\0'), encodeFields({ typeMeta: [1, (octets) => octets as Buffer], raw: [2, (octets) => octets as Buffer], contentEncoding: [3, text], contentType: [4, text] }, { typeMeta, raw, contentEncoding: '', contentType: '' })])
}

/** Fields that the table does not know are left out, as are null ones. */
function encodeFields(fields: Fields, json: Json): Buffer {
  const parts: Buffer[] = []
  for (const [name, [number, encode]] of Object.entries(fields)) {
    const value = json[name]
    if (value === undefined || value === null) continue
    for (const each of valuesOf(value, name)) {
      if (encode === 'varint') parts.push(varint(number << 3), varint(Number(each)))
      else {
        const octets = encode(each)
        parts.push(varint((number << 3) | 2), varint(octets.length), octets)
      }
    }
  }
  return Buffer.concat(parts)
}

/** A list's items, a mapping's entries, or the value alone. */
function valuesOf(value: unknown, name: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  return ['labels', 'annotations', 'selector'].includes(name) ? Object.entries(value as Json).map(([key, each]) => ({ key, value: each })) : [value]
}

function time(value: unknown): Buffer {
  return Buffer.concat([varint(1 << 3), varint(Math.floor(Date.parse(String(value)) / 1000))])
}

function varint(value: number): Buffer {
  const octets: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) octets.push((rest % 128) | 0x80)
  return Buffer.from([...octets, rest])
}
