/**
 * An API server as a recording: `watch-stand-in.ts PORT SERVICES ENDPOINTS_PER_SERVICE PODS`. Every frame is made before the first
 * client comes, so that replaying them costs the core of the load little. GET /bench/churn?rate=N sends N changes a second,
 * /bench/stop ends that and tells of the last one, /bench/expire makes every watch begin anew, /bench/names are all Services as dnsperf
 * reads them.
 */
import { createServer, type ServerResponse } from 'node:http'
import { encodeEvent, encodeList } from '../../test/support/api-server/protobuf.ts'
import type { ApiObject } from '../../test/support/api-server/objects.ts'

const NAMESPACES = 100
const PROTOBUF = 'application/vnd.kubernetes.protobuf'
/** Changes that are recorded; then the recording begins anew. */
const CHANGES = 20_000
const TICK_MS = 5

const [port, services, perService, pods] = process.argv.slice(2).map(Number) as [number, number, number, number]
const metadata = (name: string, more: object = {}) => ({ name, namespace: `ns-${hash(name) % NAMESPACES}`, uid: `00000000-0000-0000-0000-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', ...more })

const recorded: Readonly<Record<string, readonly ApiObject[]>> = {
  namespaces: Array.from({ length: NAMESPACES }, (_, i) => ({ kind: 'Namespace', metadata: { name: `ns-${i}`, resourceVersion: '1' } })),
  services: Array.from({ length: services }, (_, i) => ({ kind: 'Service', metadata: metadata(`svc-${i}`), spec: { clusterIP: clusterIp(i), clusterIPs: [clusterIp(i)], type: 'ClusterIP', selector: { app: `svc-${i}` }, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } })),
  endpointslices: Array.from({ length: services }, (_, i) => slice(i, 0)),
  pods: Array.from({ length: pods }, (_, i) => ({ kind: 'Pod', metadata: metadata(`pod-${i}`), spec: { nodeName: `node-${i % 50}` }, status: { phase: 'Running', podIP: `10.200.${i >> 8}.${i & 255}` } })),
}
const initial = Object.fromEntries(Object.entries(recorded).map(([plural, objects]) => [plural, Buffer.concat(objects.map((object) => encodeEvent('ADDED', object)))]))
const changes = Array.from({ length: CHANGES }, (_, i) => encodeEvent('MODIFIED', slice((i * 7919) % services, i + 1)))

const watches = new Map<ServerResponse, string>()
let sent = 0
let timer: NodeJS.Timeout | undefined

createServer((request, reply) => {
  const url = new URL(request.url!, 'http://localhost')
  const plural = url.pathname.split('/').at(-1)!
  if (url.pathname.startsWith('/bench/')) return control(plural, url.searchParams, reply)
  if (recorded[plural] === undefined) return void reply.writeHead(404).end()
  if (url.searchParams.get('watch') === null) return list(plural, reply)
  reply.writeHead(200, { 'content-type': `${PROTOBUF};stream=watch` })
  if (url.searchParams.get('sendInitialEvents') === 'true') {
    reply.write(initial[plural])
    reply.write(encodeEvent('BOOKMARK', { kind: recorded[plural][0]!.kind, metadata: { resourceVersion: '2', annotations: { 'k8s.io/initial-events-end': 'true' } } }))
  }
  reply.flushHeaders()
  watches.set(reply, plural)
  reply.on('close', () => watches.delete(reply))
}).listen(port, '127.0.0.1', () => process.stdout.write('listening\n'))

function list(plural: string, reply: ServerResponse): void {
  reply.writeHead(200, { 'content-type': PROTOBUF })
  reply.end(encodeList(recorded[plural]![0]!.kind, { resourceVersion: '2' }, recorded[plural]!))
}

function control(what: string, query: URLSearchParams, reply: ServerResponse): void {
  if (what === 'churn') churn(Number(query.get('rate')))
  else clearInterval(timer)
  if (what === 'expire') for (const watch of watches.keys()) watch.end(encodeEvent('ERROR', { kind: 'Status', status: 'Failure', code: 410, reason: 'Expired', message: 'too old resource version' }))
  if (what === 'names') return void reply.end(recorded.services!.map(({ metadata: { name, namespace } }) => `${name}.${namespace}.svc.cluster.local A\n`).join(''))
  const last = (sent + CHANGES - 1) % CHANGES
  const service = (last * 7919) % services
  reply.end(JSON.stringify({ sent, name: `svc-${service}.${slice(service, 0).metadata.namespace}`, address: endpointIp(service, 0, last + 1) }))
}

function churn(rate: number): void {
  const start = performance.now()
  const first = sent
  timer = setInterval(() => {
    const due = first + Math.floor((performance.now() - start) / 1000 * rate)
    for (; sent < due; sent++) for (const [watch, plural] of watches) if (plural === 'endpointslices') watch.write(changes[sent % CHANGES])
  }, TICK_MS)
}

/** Every fourth service is headless. */
function clusterIp(i: number): string {
  return i % 4 === 0 ? 'None' : `10.96.${i >> 8}.${i & 255}`
}

function slice(i: number, version: number): ApiObject {
  return {
    kind: 'EndpointSlice', metadata: metadata(`svc-${i}-x`, { namespace: `ns-${hash(`svc-${i}`) % NAMESPACES}`, resourceVersion: String(version + 2), labels: { 'kubernetes.io/service-name': `svc-${i}` } }), addressType: 'IPv4',
    endpoints: Array.from({ length: perService }, (_, e) => ({ addresses: [endpointIp(i, e, version)], conditions: { ready: true, serving: true, terminating: false }, nodeName: `node-${e % 50}`, zone: `zone-${e % 3}`, targetRef: { kind: 'Pod', namespace: 'ns', name: `svc-${i}-5d4f6c7b9-${e}abcd` } })),
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  }
}

/** The first endpoint of a slice has another address in each version. */
function endpointIp(i: number, endpoint: number, version: number): string {
  const number = i * perService + endpoint
  return endpoint === 0 && version > 0 ? `10.${64 + (version >> 16)}.${(version >> 8) & 255}.${version & 255}` : `10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`
}

function hash(text: string): number {
  let value = 0
  for (const char of text) value = (value * 31 + char.charCodeAt(0)) >>> 0
  return value
}
