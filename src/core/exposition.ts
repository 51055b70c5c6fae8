import type { Env, Files, HttpReply, HttpRequest } from './env.ts'

/** Whether those who ask for OpenMetrics get it, and with exemplars. */
export const OPENMETRICS_FORMS = ['off', 'on', 'exemplars'] as const
export type OpenMetricsForm = (typeof OPENMETRICS_FORMS)[number]

/** What the text format of Prometheus is served as. */
const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** Answers `/metrics`: to those who may, in the format that they ask for. */
export class Exposition {
  readonly #expose: Env['exposeMetrics']
  readonly #read: Files['read']
  readonly #form: OpenMetricsForm
  readonly #tokenFile: string | undefined

  /** `tokenFile`: read anew for each request; undefined for everybody. */
  constructor(world: { readonly expose: Env['exposeMetrics']; readonly read: Files['read'] }, form: OpenMetricsForm, tokenFile: string | undefined) {
    this.#expose = world.expose
    this.#read = world.read
    this.#form = form
    this.#tokenFile = tokenFile
  }

  async answer({ headers }: HttpRequest): Promise<HttpReply> {
    if (this.#tokenFile !== undefined && !this.#knows(headers['authorization'] ?? '', this.#tokenFile)) {
      return { status: 401, body: 'Unauthorized', headers: { 'www-authenticate': 'Bearer' } }
    }
    const open = this.#form !== 'off' && (headers['accept'] ?? '').includes('application/openmetrics-text')
    return { status: 200, body: await this.#expose(open ? 'openmetrics' : 'text'), type: open ? OPENMETRICS : TEXT }
  }

  #knows(given: string, file: string): boolean {
    const token = new TextDecoder().decode(this.#read(file)).trim()
    return token !== '' && sameText(given, `Bearer ${token}`)
  }
}

/** In a time that says nothing about where they differ. */
function sameText(a: string, b: string): boolean {
  let different = a.length ^ b.length
  for (let i = 0; i < a.length; i++) different |= a.charCodeAt(i) ^ (b.charCodeAt(i) || 0)
  return different === 0
}
