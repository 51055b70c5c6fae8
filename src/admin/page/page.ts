/** The status page: one document with its style and script in it, so that nothing else is asked for. */
import { readFileSync } from 'node:fs'

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8')

export const PAGE = read('page.html')
  .replace('/* page.css */', () => read('page.css'))
  .replace('/* page.js */', () => read('page.js'))

/** Nothing but the page's own style and script, and requests to where it came from. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}
