import type { HttpReply } from '../core/env.ts'
import { PAGE, PAGE_HEADERS } from './page/page.ts'
import { Refusal, type AdminView } from './view.ts'

const ROWS_LIMIT = 500

/** One thing to ask the admin port for. */
export interface Route {
  /** Default GET. Everything else needs the token. */
  readonly method?: 'POST'
  answer(view: AdminView, query: URLSearchParams): HttpReply | Promise<HttpReply>
}

export const ROUTES: Readonly<Record<string, Route>> = {
  '/': { answer: () => ({ status: 200, body: PAGE, type: 'text/html; charset=utf-8', headers: PAGE_HEADERS }) },
  '/state': { answer: async (view) => json(await view.state()) },
  '/configuration': { answer: (view) => json(view.configuration()) },
  '/cache': { answer: (view, query) => json(view.findCached(query.get('q') ?? '', count(query))) },
  '/explain': { answer: explain },
  '/top': { answer: (view, query) => json(view.top(count(query))) },
  '/slow': { answer: (view) => json(view.traffic.slow()) },
  '/seconds': { answer: (view) => json(view.traffic.seconds()) },
  '/reload': { method: 'POST', answer: async (view) => json({ reloaded: await view.reload() }) },
}

/** `name`, `type`, `client`, `protocol`, `dnssec=1`, `server`, `search=NAMESPACE`. */
async function explain(view: AdminView, query: URLSearchParams): Promise<HttpReply> {
  const protocol = query.get('protocol') ?? 'udp'
  if (protocol !== 'udp' && protocol !== 'tcp') throw new Refusal(`protocol is udp or tcp, not "${protocol}"`)
  return json(await view.explain({
    name: query.get('name') ?? '',
    type: query.get('type') ?? 'A',
    client: query.get('client') ?? '127.0.0.1',
    protocol,
    dnssec: query.get('dnssec') === '1',
    server: query.get('server') ?? '',
  }, query.get('search') ?? undefined))
}

/** How many rows are wanted: 20 unless `n` says otherwise. */
function count(query: URLSearchParams): number {
  const n = Number(query.get('n') ?? 20)
  if (!Number.isInteger(n) || n < 1 || n > ROWS_LIMIT) throw new Refusal(`n is a number from 1 to ${ROWS_LIMIT}`)
  return n
}

function json(value: unknown): HttpReply {
  return { status: 200, body: `${JSON.stringify(value)}\n`, type: 'application/json' }
}
