/** The status page in a real browser, on real programs. With HEARTH_SCREENSHOTS=FOLDER it also takes the pictures of docs. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { Message } from '../../src/wire/message.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { exchange } from '../support/exchange.ts'
import { lacks } from '../support/needs.ts'
import { freePort } from '../support/ports.ts'
import { Program } from '../support/program.ts'
import { ScriptedUpstream } from '../support/scripted-upstream.ts'
import { until } from '../support/until.ts'

const HACK = fileURLToPath(new URL('../../hack', import.meta.url))
const DEMO = fileURLToPath(new URL('../../hack/demo/objects', import.meta.url))
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const START_MS = 30_000
const PICTURES = process.env['HEARTH_SCREENSHOTS']

const skip = lacks({ commands: ['chromium'] })

describe('the status page', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-page-'))
  let browser: Browser
  let upstream: ScriptedUpstream
  let program: Program
  let port: number
  let admin: number
  let page: Page
  const requests: string[] = []
  const mistakes: string[] = []

  const corefile = (more = '') => `.:${port} {\n    bind 127.0.0.1\n    errors\n    reload 2s 1s\n    cache 30\n    kubernetes cluster.local in-addr.arpa {\n        objects manifests\n    }\n    forward . ${upstream.address} 127.0.0.1:9\n${more}}\n`

  const start = () => Program.start(`${HACK}/hearth-cluster -conf Corefile -admin-listen-address 127.0.0.1:${admin}`, { cwd: folder })

  async function ask(...names: string[]): Promise<void> {
    const queries = names.map((name, i) => {
      const message = new Message()
      message.id = i
      message.rd = true
      message.questions = [{ name, type: 1, class: 1 }]
      return encodeMessage(message)
    })
    await exchange(queries, { host: '127.0.0.1', port })
  }

  /** For pictures in which something goes on. */
  async function busyMinute(): Promise<void> {
    await page.getByLabel('Type').fill('A')
    await page.getByRole('button', { name: 'Explain' }).click()
    await page.getByLabel('Name contains').fill('')
    for (let i = 0; i < 600; i++) {
      const names = Array.from({ length: 3 + Math.round(8 * Math.sin(i / 40) ** 2) }, (_, k) => (k % 4 === 0 ? `page-${(i * 7 + k) % 23}.example.com.` : k % 4 === 1 ? 'cart.shop.svc.cluster.local.' : 'web.shop.svc.cluster.local.'))
      await ask(...names, ...(i % 90 === 0 ? ['slow.example.com.'] : []))
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  const text = (selector: string) => page.locator(selector).innerText()
  const shows = (selector: string, pattern: RegExp) => until(async () => pattern.test(await text(selector)), START_MS)

  async function violations(): Promise<string[]> {
    await page.evaluate(AXE)
    const found = await page.evaluate('axe.run(document, { resultTypes: ["violations"] })') as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`)
  }

  async function picture(name: string, options: { readonly fullPage?: boolean } = {}): Promise<void> {
    if (PICTURES === undefined) return
    mkdirSync(PICTURES, { recursive: true })
    await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: options.fullPage ?? true })
  }

  before(async () => {
    ;[port, admin] = [await freePort(), await freePort()]
    upstream = await ScriptedUpstream.open((asked) => {
      const { name } = asked.query.questions[0]!
      const reply = () => asked.answer(name.includes('missing') || name.endsWith('cluster.local.') ? [] : [`${name} 300 IN A 192.0.2.7`], (message) => { if (name.includes('missing')) message.rcode = 3 })
      setTimeout(reply, name.startsWith('slow') ? 130 : 3)
    })
    writeFileSync(join(folder, 'Corefile'), corefile())
    cpSync(DEMO, join(folder, 'manifests'), { recursive: true })
    program = start()
    await until(() => / ready /.test(program.output), START_MS)
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
    page = await browser.newPage({ viewport: { width: 1240, height: 900 }, colorScheme: 'light' })
    page.on('request', (request) => requests.push(request.url()))
    page.on('pageerror', (error) => mistakes.push(String(error)))
    page.on('console', (message) => { if (message.type() === 'error' && !/ERR_CONNECTION|Failed to load resource/.test(message.text())) mistakes.push(message.text()) })
  })

  after(async () => {
    await browser?.close()
    await program?.stop()
    upstream?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('says how the program is in one line, and what it serves', async () => {
    await page.goto(`http://127.0.0.1:${admin}/`)
    await shows('#summary', /nothing is wrong/)
    assert.equal(await page.locator('#summary').getAttribute('data-level'), 'well')
    assert.match(await text('#about'), /serves .*\.:\d+ on 127\.0\.0\.1/)
    assert.equal(await text('#program'), 'hearth-cluster')
  })

  test('follows queries as they come: rate, tables, upstreams, cluster, slow queries, cache', async () => {
    for (let i = 0; i < 4; i++) {
      await ask('web.shop.svc.cluster.local.', 'slow.example.com.', 'www.example.com.', 'www.example.com.shop.svc.cluster.local.', 'www.example.com.svc.cluster.local.', 'missing.example.com.')
    }
    await shows('#names', /www\.example\.com\.shop\.svc\.cluster\.local\./)
    await shows('#slow', /slow\.example\.com\. A[\s\S]*127\.0\.0\.1/)
    await shows('#cached', /www\.example\.com\. A/)
    assert.match(await text('#clients'), /127\.0\.0\.1/)
    assert.match(await text('#suffixes'), /shop\.svc\.cluster\.local\./)
    assert.match(await text('#waste'), /ndots, value: "2"/)
    assert.match(await text('#upstreams'), new RegExp(`${upstream.address.replaceAll('.', '\\.')}[\\s\\S]*up`))
    assert.match(await text('#cluster'), /in sync/)
    const rates: string[] = []
    await until(async () => {
      await ask('web.shop.svc.cluster.local.')
      rates.push(await text('#rate'))
      return Number(rates.at(-1)) > 0
    }, START_MS)
    await until(async () => await text('#rate') === '0', START_MS)
    assert.match(await page.locator('#plot-rate').getAttribute('aria-label') ?? '', /^Queries per second: \d+ now, at most \d+/)
    assert.ok(Number(await text('#memory')) > 20)
  })

  test('finds entries of the cache, and explains a query', async () => {
    await page.getByLabel('Name contains').fill('slow')
    await page.getByRole('button', { name: 'Search' }).click()
    await until(async () => /slow\.example\.com\. A/.test(await text('#cached')) && !/www/.test(await text('#cached')), START_MS)
    await page.getByLabel('Name', { exact: true }).fill('web.shop.svc.cluster.local')
    await page.getByRole('button', { name: 'Explain' }).press('Enter')
    await shows('#explanation', /NOERROR qr aa rd by [\s\S]*cache[\s\S]*state: (hit|miss)/)
    await page.getByLabel('Type').fill('NOPE')
    await page.getByRole('button', { name: 'Explain' }).click()
    await shows('#explanation', /"NOPE" is no record type/)
  })

  test('accessible in light and dark, by keyboard, and narrow', async () => {
    if (PICTURES !== undefined) await busyMinute()
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      assert.deepEqual(await violations(), [], colorScheme)
      await picture(`status-${colorScheme}`)
    }
    await page.goto(`http://127.0.0.1:${admin}/`)
    await shows('#summary', /well|upstream/)
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to traffic')
    await page.keyboard.press('Enter')
    const reached: string[] = []
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press('Tab')
      reached.push(await page.evaluate('document.activeElement.name || document.activeElement.id || document.activeElement.textContent.trim().slice(0, 12)') as string)
    }
    for (const wanted of ['name', 'type', 'client', 'Explain', 'q', 'Search']) assert.ok(reached.includes(wanted), `${wanted} of ${reached.join(', ')}`)
    await page.setViewportSize({ width: 380, height: 800 })
    assert.ok(await page.evaluate('document.documentElement.scrollWidth <= window.innerWidth'), 'nothing is wider than the window')
    await page.setViewportSize({ width: 1240, height: 900 })
  })

  test('a rejected configuration: why, and both texts with their differences', async () => {
    writeFileSync(join(folder, 'Corefile'), corefile('    cahce 30\n'))
    program.child.kill('SIGUSR1')
    await shows('#rejected', /Unknown directive 'cahce'/)
    await shows('#summary', /a newer configuration was rejected/)
    assert.equal(await page.locator('#summary').getAttribute('data-level'), 'troubled')
    assert.equal((await page.locator('#file .other').allInnerTexts()).map((line) => line.trim()).join(), 'cahce 30')
    assert.deepEqual(await violations(), [])
    await picture('status-rejected', { fullPage: false })
    writeFileSync(join(folder, 'Corefile'), corefile())
    program.child.kill('SIGUSR1')
    await until(async () => await page.locator('#rejected').isHidden(), START_MS)
  })

  test('says when the program is gone, and goes on when it is back', async () => {
    await program.stop()
    await shows('#summary', /no answer from the program/)
    assert.equal(await page.locator('#summary').getAttribute('data-level'), 'lost')
    program = start()
    await shows('#summary', /nothing is wrong/)
  })

  test('the node agent shows its kernel state', async () => {
    const [nodePort, nodeAdmin] = [await freePort(), await freePort()]
    writeFileSync(join(folder, 'node.Corefile'), `cluster.local:${nodePort} {\n    bind 127.0.0.1\n    cache 30\n    forward . ${upstream.address} {\n        force_tcp\n    }\n}\n`)
    const node = Program.start(`${HACK}/hearth-node -localip 127.0.0.1 -setupinterface=false -setupiptables=false -metrics-listen-address= -conf ${folder}/node.Corefile -dns.port ${nodePort} -admin-listen-address 127.0.0.1:${nodeAdmin}`)
    try {
      await until(() => / ready /.test(node.output) || node.ended, START_MS)
      await page.goto(`http://127.0.0.1:${nodeAdmin}/`)
      await shows('#agent', /agent[\s\S]*pid \d+[\s\S]*configuration/)
      assert.deepEqual(await violations(), [])
    } finally {
      await node.stop()
    }
  })

  test('asked nobody but the program, and its script made no mistake', () => {
    assert.deepEqual(requests.filter((url) => !/^http:\/\/127\.0\.0\.1:\d+\/|^data:/.test(url)), [])
    assert.deepEqual(mistakes, [])
  })
})
