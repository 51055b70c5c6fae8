import type { Env, HttpReply, HttpRequest } from '../../core/env.ts'
import type { Token } from '../../corefile/tree.ts'
import type { Formats } from './options.ts'

/** What the text format of Prometheus is served as. */
const TEXT = 'text/plain; version=0.0.4; charset=utf-8'
const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'

/** Answers `/metrics`: to those who may, in the format that they ask for. */
export class Exposition {
  readonly #env: Env
  readonly #formats: Formats
  readonly #bearer: Token | undefined

  constructor(env: Env, formats: Formats, bearer: Token | undefined) {
    this.#env = env
    this.#formats = formats
    this.#bearer = bearer
  }

  async answer({ headers }: HttpRequest): Promise<HttpReply> {
    if (this.#bearer !== undefined && !this.#knows(headers['authorization'] ?? '', this.#bearer)) {
      return { status: 401, body: 'Unauthorized', headers: { 'www-authenticate': 'Bearer' } }
    }
    const open = this.#formats !== 'off' && (headers['accept'] ?? '').includes('application/openmetrics-text')
    return { status: 200, body: await this.#env.exposeMetrics(open ? 'openmetrics' : 'text'), type: open ? OPENMETRICS : TEXT }
  }

  #knows(given: string, file: Token): boolean {
    const token = new TextDecoder().decode(this.#env.files.read(this.#env.files.resolve(file.text))).trim()
    return token !== '' && sameText(given, `Bearer ${token}`)
  }
}

/** In a time that says nothing about where they differ. */
function sameText(a: string, b: string): boolean {
  let different = a.length ^ b.length
  for (let i = 0; i < a.length; i++) different |= a.charCodeAt(i) ^ (b.charCodeAt(i) || 0)
  return different === 0
}
