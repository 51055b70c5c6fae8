/**
 * A stand-in for the Kubernetes API server, built from the API's documented protocol: lists in pages, watches with bookmarks
 * and resume, 410 Expired, streaming lists, selectors, errors as Status objects, and plain writes. It shares no code with
 * what it tests. Faults are set by the test.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { encodeEvent, encodeList, encodeObject } from './protobuf.ts'
import { Collection, keyOf, matches, mergePatch, RESOURCES, type ApiObject, type Change, type Resource } from './objects.ts'

export type { ApiObject } from './objects.ts'

const BOOKMARK_MS = 200
const PROTOBUF = 'application/vnd.kubernetes.protobuf'
/** Replies whose clients want protobuf. */
const inProtobuf = new WeakSet<ServerResponse>()

interface Fault {
  readonly status: number
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
  /** Requests that it still hits. */
  left: number
  /** Only requests whose URL contains this. */
  readonly on: string
}

export interface ApiServerOptions {
  /** False: refuses `sendInitialEvents`, as servers before streaming lists do. */
  readonly streamingLists?: boolean
  /** False: answers in JSON whatever is asked for. */
  readonly protobuf?: boolean
  /** Wanted in `Authorization: Bearer`. */
  readonly token?: string
}

export class ApiServerStandIn {
  readonly url: string
  /** `METHOD URL` of each request, in order. */
  readonly requests: string[] = []
  readonly #http: Server
  readonly #options: ApiServerOptions
  readonly #collections = new Map(RESOURCES.map((resource) => [resource.plural, new Collection()]))
  readonly #sockets = new Set<Socket>()
  readonly #faults: Fault[] = []
  /** Writes half of each line, waits, and writes the rest. */
  slow = false
  /** Nothing is said on watches any more. */
  silent = false
  /** Watches end as soon as they have begun. */
  hangsUp = false
  #revision = 1

  private constructor(http: Server, options: ApiServerOptions) {
    this.#http = http
    this.#options = options
    this.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    http.on('request', (request, reply) => void this.#serve(request, reply))
    http.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
  }

  static async open(options: ApiServerOptions = {}): Promise<ApiServerStandIn> {
    const http = createServer()
    await new Promise<void>((resolve) => {
      http.listen(0, '127.0.0.1', resolve)
    })
    return new ApiServerStandIn(http, options)
  }

  apply(object: ApiObject): ApiObject {
    return this.#of(object.kind).put(object, ++this.#revision)
  }

  remove(kind: string, namespace: string, name: string): void {
    const removed = this.#of(kind).remove(`${namespace}/${name}`, ++this.#revision)
    if (removed?.kind !== 'Namespace') return
    // What the namespace controller does.
    for (const collection of this.#collections.values()) {
      for (const object of collection.objects.values()) if (object.metadata.namespace === name) collection.remove(keyOf(object), ++this.#revision)
    }
  }

  /** Forgets all history: older versions get 410 Expired. */
  compact(): void {
    this.#revision++
    for (const collection of this.#collections.values()) collection.compact(this.#revision)
  }

  /** Closes every connection, in the middle of whatever it was. */
  disconnect(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** The next `times` requests whose URL contains `on` get this status. */
  fail(status: number, options: { readonly times?: number; readonly on?: string; readonly message?: string; readonly headers?: Readonly<Record<string, string>> } = {}): void {
    this.#faults.push({ status, message: options.message ?? 'made to fail', headers: options.headers ?? {}, left: options.times ?? 1, on: options.on ?? '' })
  }

  /** No more of the failures that were asked for. */
  recover(): void {
    this.#faults.length = 0
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#http.close(resolve))
    this.disconnect()
    await closed
  }

  #of(kind: string): Collection {
    return this.#collections.get(RESOURCES.find((resource) => resource.kind === kind)!.plural)!
  }

  async #serve(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    this.requests.push(`${request.method} ${request.url}`)
    reply.on('error', () => {})
    if (this.#options.protobuf !== false && (request.headers.accept ?? '').startsWith(PROTOBUF)) inProtobuf.add(reply)
    const fault = this.#faults.find((each) => each.left > 0 && request.url!.includes(each.on))
    if (fault !== undefined) {
      fault.left--
      return status(reply, fault.status, 'Failure', fault.message, fault.headers)
    }
    if (this.#options.token !== undefined && request.headers.authorization !== `Bearer ${this.#options.token}`) return status(reply, 401, 'Unauthorized', 'Unauthorized')
    const url = new URL(request.url!, this.url)
    const target = targetOf(url.pathname)
    if (target?.resource.custom === true) inProtobuf.delete(reply)
    if (target === undefined) return status(reply, 404, 'NotFound', 'the server could not find the requested resource')
    if (request.method !== 'GET') return this.#write(request, reply, target)
    if (target.name !== undefined) return this.#one(reply, target)
    return url.searchParams.get('watch') === 'true' ? this.#watch(reply, target, url.searchParams) : this.#list(reply, target, url.searchParams)
  }

  #one(reply: ServerResponse, target: Target): void {
    const object = this.#collections.get(target.resource.plural)!.objects.get(`${target.namespace}/${target.name}`)
    if (object === undefined) status(reply, 404, 'NotFound', `${target.resource.plural} "${target.name}" not found`)
    else json(reply, 200, object)
  }

  #list(reply: ServerResponse, target: Target, query: URLSearchParams): void {
    const objects = this.#selected(target, query)
    const token = query.get('continue')
    const start = token === null ? { version: this.#revision, at: 0 } : JSON.parse(Buffer.from(token, 'base64url').toString()) as { version: number; at: number }
    if (token !== null && this.#collections.get(target.resource.plural)!.since(start.version) === undefined) return status(reply, 410, 'Expired', 'The provided continue parameter is too old')
    const limit = Number(query.get('limit') ?? 0)
    const end = limit === 0 ? objects.length : start.at + limit
    const more = end < objects.length ? Buffer.from(JSON.stringify({ version: start.version, at: end })).toString('base64url') : ''
    const metadata = { resourceVersion: String(start.version), ...(more === '' ? {} : { continue: more, remainingItemCount: objects.length - end }) }
    const items = objects.slice(start.at, end)
    if (!inProtobuf.has(reply)) return json(reply, 200, { kind: `${target.resource.kind}List`, apiVersion: versionOf(target.resource), metadata, items })
    reply.writeHead(200, { 'content-type': PROTOBUF })
    reply.end(encodeList(target.resource.kind, metadata, items))
  }

  #watch(reply: ServerResponse, target: Target, query: URLSearchParams): void {
    const collection = this.#collections.get(target.resource.plural)!
    const streaming = query.get('sendInitialEvents') === 'true'
    if (streaming && this.#options.streamingLists === false) return status(reply, 422, 'Invalid', 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled')
    if (streaming && query.get('resourceVersionMatch') !== 'NotOlderThan') return status(reply, 422, 'Invalid', 'resourceVersionMatch must be NotOlderThan')
    const missed = streaming ? [] : collection.since(Number(query.get('resourceVersion') ?? 0))
    reply.writeHead(200, { 'content-type': inProtobuf.has(reply) ? `${PROTOBUF};stream=watch` : 'application/json', 'transfer-encoding': 'chunked' })
    reply.flushHeaders()
    const say = (type: string, object: unknown) => this.#say(reply, type, object)
    if (missed === undefined) {
      say('ERROR', { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: `too old resource version: ${query.get('resourceVersion')}`, reason: 'Expired', code: 410 })
      return void reply.end()
    }
    const bookmark = (annotations?: Readonly<Record<string, string>>) => say('BOOKMARK', { kind: target.resource.kind, apiVersion: versionOf(target.resource), metadata: { resourceVersion: String(this.#revision), creationTimestamp: null, ...(annotations === undefined ? {} : { annotations }) } })
    if (streaming) {
      for (const object of this.#selected(target, query)) say('ADDED', object)
      bookmark({ 'k8s.io/initial-events-end': 'true' })
    }
    const tell = (change: Change) => {
      const event = eventFor(change, (object) => selects(object, target, query))
      if (event !== undefined) say(event, change.object)
    }
    for (const change of missed) tell(change)
    if (this.hangsUp) return void reply.end()
    const unlisten = collection.listen(tell)
    const bookmarks = query.get('allowWatchBookmarks') === 'true' ? setInterval(bookmark, BOOKMARK_MS) : undefined
    const timeout = setTimeout(() => reply.end(), Number(query.get('timeoutSeconds') ?? 1800) * 1000)
    reply.on('close', () => {
      unlisten()
      clearInterval(bookmarks)
      clearTimeout(timeout)
    })
  }

  #say(reply: ServerResponse, type: string, object: unknown): void {
    if (this.silent) return
    const line = inProtobuf.has(reply) ? encodeEvent(type, object as Readonly<Record<string, unknown>>) : Buffer.from(`${JSON.stringify({ type, object })}\n`)
    if (!this.slow) return void reply.write(line)
    // Two chunks a line, cut wherever it falls.
    reply.write(line.subarray(0, line.length / 2))
    reply.write(line.subarray(line.length / 2))
  }

  #selected(target: Target, query: URLSearchParams): ApiObject[] {
    return [...this.#collections.get(target.resource.plural)!.objects.values()].filter((object) => selects(object, target, query)).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  }

  async #write(request: IncomingMessage, reply: ServerResponse, target: Target): Promise<void> {
    let text = ''
    for await (const chunk of request) text += String(chunk)
    const collection = this.#collections.get(target.resource.plural)!
    const key = `${target.namespace}/${target.name}`
    const before = collection.objects.get(key)
    if (request.method === 'POST') {
      const object = JSON.parse(text) as ApiObject
      if (collection.objects.has(keyOf(object))) return status(reply, 409, 'AlreadyExists', `${target.resource.plural} "${object.metadata.name}" already exists`)
      return json(reply, 201, this.apply(object))
    }
    if (before === undefined) return status(reply, 404, 'NotFound', `${target.resource.plural} "${target.name}" not found`)
    if (request.method === 'DELETE') {
      this.remove(target.resource.kind, target.namespace, target.name!)
      return json(reply, 200, before)
    }
    const after = request.method === 'PATCH' ? mergePatch(before, JSON.parse(text)) : JSON.parse(text)
    return json(reply, 200, this.apply(after as ApiObject))
  }
}

interface Target {
  readonly resource: Resource
  /** Empty: of all namespaces. */
  readonly namespace: string
  readonly name: string | undefined
}

/** `GROUP/VERSION`, or `v1` of the core. */
function versionOf({ prefix }: Resource): string {
  return prefix.replace(/^\/apis?\//, '')
}

function targetOf(path: string): Target | undefined {
  for (const resource of RESOURCES) {
    if (!path.startsWith(`${resource.prefix}/`)) continue
    const parts = path.slice(resource.prefix.length + 1).split('/').filter((part) => part !== 'status')
    if (parts[0] === resource.plural && parts.length <= (resource.namespaced ? 1 : 2)) return { resource, namespace: '', name: parts[1] }
    if (resource.namespaced && parts[0] === 'namespaces' && parts[2] === resource.plural) return { resource, namespace: parts[1]!, name: parts[3] }
  }
  return undefined
}

function selects(object: ApiObject, target: Target, query: URLSearchParams): boolean {
  if (target.namespace !== '' && object.metadata.namespace !== target.namespace) return false
  const field = (path: string) => path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], object)
  return matches(query.get('labelSelector'), (key) => object.metadata.labels?.[key])
    && matches(query.get('fieldSelector'), (path) => field(path) as string | undefined)
}

/** What a watch with a selector is told of a change: an object that begins to match is added, one that ends to is deleted. */
function eventFor(change: Change, selected: (object: ApiObject) => boolean): Change['type'] | undefined {
  const was = change.before !== undefined && selected(change.before)
  const is = change.type !== 'DELETED' && selected(change.object)
  if (was && is) return 'MODIFIED'
  return is ? 'ADDED' : was ? 'DELETED' : undefined
}

function json(reply: ServerResponse, code: number, body: unknown): void {
  reply.writeHead(code, { 'content-type': 'application/json' })
  reply.end(JSON.stringify(body))
}

function status(reply: ServerResponse, code: number, reason: string, message: string, headers: Readonly<Record<string, string>> = {}): void {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code }
  const protobuf = inProtobuf.has(reply)
  reply.writeHead(code, { 'content-type': protobuf ? PROTOBUF : 'application/json', ...headers })
  reply.end(protobuf ? encodeObject(body) : JSON.stringify(body))
}
