/** The fields of API objects that DNS needs, by their numbers in k8s.io/api's and apimachinery's generated.proto. */
import { CLUSTER_LABEL, IMPORT_LABEL } from '../decode.ts'
import type { Kind } from '../objects.ts'
import { decodeProtobuf, flag, integer, many, map, message, octets, one, ProtobufError, text, texts, type MessageForm } from './protobuf.ts'

/** Comes before every message that the API server sends (apimachinery, runtime/serializer/protobuf). */
const MAGIC = Buffer.from('k8s\0')
/** Of the wrapper around an object only the object. */
const UNKNOWN = message({ 2: octets('raw') })
const WATCH_EVENT = message({ 1: text('type'), 2: one('object', message({ 1: octets('raw') })) })
const STATUS = message({ 3: text('message'), 4: text('reason'), 6: integer('code') })

const metadata = (labels: readonly string[]) => one('metadata', message({
  1: text('name'),
  3: text('namespace'),
  6: text('resourceVersion'),
  9: one('deletionTimestamp', message({})),
  11: map('labels', labels),
  12: map('annotations', ['endpoints.kubernetes.io/last-change-trigger-time', 'k8s.io/initial-events-end']),
}))
const METADATA = metadata(['kubernetes.io/service-name', IMPORT_LABEL, CLUSTER_LABEL])
const podForm = (labels: readonly string[]) => message({ 1: metadata(labels), 3: one('status', message({ 6: text('podIP') })) })

const SLICE = message({
  1: METADATA,
  2: many('endpoints', message({
    1: texts('addresses'),
    2: one('conditions', message({ 1: flag('ready') })),
    3: text('hostname'),
    4: one('targetRef', message({ 3: text('name') })),
    7: text('zone'),
  })),
  3: many('ports', message({ 1: text('name'), 2: text('protocol'), 3: integer('port') })),
})

/** ServiceImport has none: custom resources are JSON. */
const OBJECTS: Readonly<Record<Exclude<Kind, 'ServiceImport'>, MessageForm>> = {
  Namespace: message({ 1: METADATA }),
  Pod: podForm([]),
  Service: message({
    1: METADATA,
    2: one('spec', message({
      1: many('ports', message({ 1: text('name'), 2: text('protocol'), 3: integer('port') })),
      2: map('selector'),
      3: text('clusterIP'),
      4: text('type'),
      5: texts('externalIPs'),
      10: text('externalName'),
      18: texts('clusterIPs'),
    })),
    3: one('status', message({ 1: one('loadBalancer', message({ 1: many('ingress', message({ 1: text('ip'), 2: text('hostname') })) })) })),
  }),
  EndpointSlice: SLICE,
  ImportedSlice: SLICE,
}

/** A reply to a list, in the shape of its JSON; of Pods' labels those named. Throws ProtobufError. */
export function decodeList(kind: Kind, bytes: Buffer, podLabels: readonly string[] = []): Readonly<Record<string, unknown>> {
  return decodeEnveloped(bytes, message({ 1: one('metadata', message({ 2: text('resourceVersion'), 3: text('continue') })), 2: many('items', formOf(kind, podLabels)) }))
}

/** One frame of a watch, in the shape of its JSON. Throws ProtobufError. */
export function decodeWatchEvent(kind: Kind, bytes: Buffer, podLabels: readonly string[] = []): { readonly type: string; readonly object: Readonly<Record<string, unknown>> } {
  const { type, object } = decodeProtobuf(bytes, WATCH_EVENT) as { type?: string; object?: { raw?: Buffer } }
  if (type === undefined || object?.raw === undefined) throw new ProtobufError('a watch event without type or object')
  return { type, object: decodeEnveloped(object.raw, type === 'ERROR' ? STATUS : formOf(kind, podLabels)) }
}

/** A failure as the API server explains it; undefined for octets that are something else. */
export function decodeStatus(bytes: Buffer): { readonly message?: string } | undefined {
  try {
    return decodeEnveloped(bytes, STATUS)
  } catch (error) {
    if (error instanceof ProtobufError) return undefined
    throw error
  }
}

function formOf(kind: Kind, podLabels: readonly string[]): MessageForm {
  const form = kind === 'Pod' && podLabels.length > 0 ? podForm(podLabels) : kind === 'ServiceImport' ? undefined : OBJECTS[kind]
  if (form === undefined) throw new ProtobufError(`${kind} as protobuf, which has no form of it`)
  return form
}

function decodeEnveloped(bytes: Buffer, form: MessageForm): Readonly<Record<string, unknown>> {
  if (bytes.length < MAGIC.length || bytes.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0) throw new ProtobufError('not a message of the Kubernetes API')
  const { raw } = decodeProtobuf(bytes, UNKNOWN, MAGIC.length) as { raw?: Buffer }
  return decodeProtobuf(raw ?? Buffer.alloc(0), form)
}
