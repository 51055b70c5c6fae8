import { request } from 'node:http'
import { parseListen } from '../../src/admin/http.ts'
import { UsageError } from './exit.ts'

const TIMEOUT_MS = 15_000
const BODY_LIMIT_BYTES = 32 * 1024 * 1024

/** Asks a running program's admin port. Rejects with UsageError when nobody answers there, or what it refuses. */
export async function askAdmin<T>(address: string, path: string, parameters: Readonly<Record<string, string>> = {}): Promise<T> {
  const query = new URLSearchParams(parameters).toString()
  const { status, body } = await get(address, query === '' ? path : `${path}?${query}`)
  const value = parse(body)
  if (status === 200) return value as T
  if (value === undefined) throw new UsageError(`what answers at ${address} is no admin port of this version (${status} for ${path}); --admin names another`)
  const why = typeof value === 'object' && value !== null && 'error' in value ? String(value.error) : body.trim()
  throw new UsageError(why)
}

function get(address: string, path: string): Promise<{ status: number; body: string }> {
  const listen = listenOf(address)
  const to = listen.kind === 'unix' ? { socketPath: listen.path } : { host: listen.host === '' ? '127.0.0.1' : listen.host, port: listen.port }
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new UsageError(`nothing answers at ${address} (${error.message}); is the program running, with this as its --admin-listen-address?`))
    const sent = request({ ...to, path, timeout: TIMEOUT_MS, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body += chunk
        if (body.length > BODY_LIMIT_BYTES) response.destroy(new Error(`it sends more than ${BODY_LIMIT_BYTES / 1024 / 1024} MiB`))
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', fail)
    })
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)))
    sent.on('error', fail)
    sent.end()
  })
}

function listenOf(address: string): ReturnType<typeof parseListen> {
  try {
    return parseListen(address)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    // What is no JSON does not come from our admin port; the caller shows it as it is.
    return undefined
  }
}
