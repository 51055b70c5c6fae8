import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parse } from 'yaml'
import { ApiServerStandIn } from '../support/api-server/index.ts'
import { RESOURCES, type ApiObject } from '../support/api-server/objects.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import type { Change, ObjectStore } from './object-store.ts'

const START_MS = 90_000

/** Objects in an API server, written over HTTP: our stand-in, or a real one. */
export class ApiStore implements ObjectStore {
  readonly option: string
  readonly #api: Access
  readonly #end: () => Promise<void>

  private constructor(api: Access, option: string, end: () => Promise<void>) {
    this.#api = api
    this.option = option
    this.#end = end
  }

  static async standIn(objects: Map<string, ApiObject[]>): Promise<ApiStore> {
    const server = await ApiServerStandIn.open()
    const store = new ApiStore({ url: server.url, token: '', ca: undefined }, `endpoint ${server.url}`, () => server.close())
    await store.#seed(objects)
    return store
  }

  /** Starts the binary of a real API server (shared/tools/apiserver) with empty storage. */
  static async real(binary: string, objects: Map<string, ApiObject[]>): Promise<ApiStore> {
    const folder = mkdtempSync(join(tmpdir(), 'conformance-api-'))
    const [port, client, peer] = [await freePort(), await freePort(), await freePort()]
    const [admin, dns] = [join(folder, 'admin.kubeconfig'), join(folder, 'dns.kubeconfig')]
    const program = Program.start(`${binary} -state ${folder}/state -listen 127.0.0.1:${port} -kubeconfig ${admin} -dns-kubeconfig ${dns} -etcd-client http://127.0.0.1:${client} -etcd-peer http://127.0.0.1:${peer}`)
    const end = async () => {
      await program.stop()
      rmSync(folder, { recursive: true, force: true })
    }
    try {
      for (const stop = Date.now() + START_MS; ; await new Promise((resolve) => setTimeout(resolve, 100))) {
        if (program.ended || Date.now() > stop) throw new Error(`the API server did not start: ${program.output.slice(-1500)}`)
        const access = accessOf(admin)
        if (access === undefined || !existsSync(dns)) continue
        const store = new ApiStore(access, `kubeconfig ${dns}`, end)
        if (!await store.#answers()) continue
        await store.#seed(new Map([...objects].map(([file, all]) => [file, all.filter((object) => RESOURCES.find(({ kind }) => kind === object.kind)!.custom !== true)])))
        return store
      }
    } catch (error) {
      await end()
      throw error
    }
  }

  async change(change: Change): Promise<void> {
    if ('apply' in change) await this.#apply(change.apply)
    else if ('patch' in change) await this.#must('PATCH', pathOf(change.patch) + ('status' in (change.with as object) && hasStatus(change.patch) ? '/status' : ''), change.with)
    else await this.#must('DELETE', `${pathOf(change.delete)}?gracePeriodSeconds=0`)
  }

  close(): Promise<void> {
    return this.#end()
  }

  async #seed(files: Map<string, ApiObject[]>): Promise<void> {
    const objects = [...files.values()].flat()
    for (const object of [...objects.filter((each) => each.kind === 'Namespace'), ...objects.filter((each) => each.kind !== 'Namespace')]) await this.#apply(object)
  }

  /** Creates the object, or takes the place of one that is there, status included. */
  async #apply(object: ApiObject): Promise<void> {
    const created = await this.#send('POST', collectionOf(object), object)
    if (created.status < 300) return
    const current = await this.#send('GET', pathOf(object))
    if (current.status !== 200) throw new Error(`${pathOf(object)}: ${created.text}`)
    const at = (body: string) => ({ ...object, metadata: { ...object.metadata, resourceVersion: (JSON.parse(body) as ApiObject).metadata.resourceVersion } })
    const put = await this.#must('PUT', pathOf(object), at(current.text))
    if ('status' in object && hasStatus(object)) await this.#must('PUT', `${pathOf(object)}/status`, at(put))
  }

  async #answers(): Promise<boolean> {
    try {
      return (await this.#send('GET', '/api/v1/namespaces/default')).status === 200
    } catch {
      // Not listening yet; the caller asks until it is, or its time is up.
      return false
    }
  }

  async #must(method: string, path: string, body?: unknown): Promise<string> {
    const reply = await this.#send(method, path, body)
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.status} ${reply.text.slice(0, 500)}`)
    return reply.text
  }

  #send(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    const { url, token, ca } = this.#api
    const headers = {
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      accept: 'application/json',
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
    }
    return new Promise((resolve, reject) => {
      const request = (url.startsWith('https:') ? requestHttps : requestHttp)(`${url}${path}`, { method, headers, ...(ca === undefined ? {} : { ca }) }, (reply) => {
        text(reply).then((body) => resolve({ status: reply.statusCode!, text: body }), reject)
      })
      request.on('error', reject)
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
  }
}

interface Access {
  readonly url: string
  readonly token: string
  readonly ca: string | undefined
}

/** Undefined while the server has not written the file. */
function accessOf(kubeconfig: string): Access | undefined {
  if (!existsSync(kubeconfig)) return undefined
  const config = parse(readFileSync(kubeconfig, 'utf8')) as { clusters: { cluster: { server: string; 'certificate-authority-data'?: string } }[]; users: { user: { token: string } }[] } | null
  if (config === null) return undefined
  const { cluster } = config.clusters[0]!
  const authority = cluster['certificate-authority-data']
  return { url: cluster.server, token: config.users[0]!.user.token, ca: authority === undefined ? undefined : Buffer.from(authority, 'base64').toString() }
}

function collectionOf(object: ApiObject): string {
  const { prefix, plural, namespaced } = RESOURCES.find((resource) => resource.kind === object.kind)!
  return namespaced ? `${prefix}/namespaces/${object.metadata.namespace}/${plural}` : `${prefix}/${plural}`
}

function pathOf(object: ApiObject): string {
  return `${collectionOf(object)}/${object.metadata.name}`
}

/** Kinds whose status is written apart. */
function hasStatus(object: ApiObject): boolean {
  return object.kind === 'Service' || object.kind === 'Pod'
}
