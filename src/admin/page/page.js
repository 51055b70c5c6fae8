'use strict'
// The status page's script: asks the program it came from for data and writes it into the page. No dependency, no other request.

const LIVE_MS = 1000
const SLOWLY_MS = 5000
const SVG = 'http://www.w3.org/2000/svg'

const $ = (id) => document.getElementById(id)

/** An element with text or children. Everything that comes from queries goes through here, as text. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'class') element.className = value
    else element.setAttribute(name, value)
  }
  element.append(...children.filter((child) => child !== undefined).map((child) => (typeof child === 'object' ? child : String(child))))
  return element
}

const cell = (content, name = '') => make('td', name === '' ? {} : { class: name }, content)
const row = (...cells) => make('tr', {}, ...cells)
const fill = (id, elements) => $(id).replaceChildren(...elements)
const show = (id, shown) => { $(id).hidden = !shown }

/** Tables keep their focus and place while their rows change; nothing is touched when nothing has changed. */
const drawn = new Map()
function draw(id, data, elements) {
  const text = JSON.stringify(data)
  if (drawn.get(id) === text) return
  drawn.set(id, text)
  fill(id, elements(data))
}

const empty = (columns, text) => [row(make('td', { colspan: columns, class: 'note' }, text))]

async function ask(path) {
  const response = await fetch(path, { cache: 'no-store' })
  const body = await response.json()
  if (!response.ok) throw new Error(body.error ?? response.statusText)
  return body
}

function ago(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s ago`
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86_400)} days ago`
}

function number(value) {
  return value >= 100 ? Math.round(value).toLocaleString('en') : Number(value.toPrecision(2)).toString()
}

function setText(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text
}

// Plots

/** Lines over the last five minutes; the scale's top is a round number. */
function plot(id, seconds, lines) {
  const top = roundUp(Math.max(...lines.flatMap(({ of }) => seconds.map(of)), 0))
  const now = seconds.at(-1)?.at ?? 0
  const x = (second) => 600 - (now - second.at) * 2
  const y = (value) => 158 - (value / top) * 150
  const paths = lines.map(({ of, name }) => svg('path', { class: name, d: seconds.map((second, i) => `${i === 0 ? 'M' : 'L'}${x(second)} ${y(of(second)).toFixed(1)}`).join('') }))
  const first = lines[0]
  const area = seconds.length > 1 ? [svg('path', { class: `area ${first.name}`, d: `M${x(seconds[0])} 158${seconds.map((second) => `L${x(second)} ${y(first.of(second)).toFixed(1)}`).join('')}L600 158Z` })] : []
  const grid = [0.5, 1].map((share) => svg('line', { class: 'grid', x1: 0, x2: 600, y1: y(top * share), y2: y(top * share) }))
  $(id).replaceChildren(...grid, ...area, ...paths)
  scale(id, top)
}

function svg(tag, properties) {
  const element = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value)
  return element
}

/** Numbers of the scale are text beside the plot, so that they are not stretched with it. */
function scale(id, top) {
  const figure = $(id).parentElement
  figure.querySelector('.scale')?.remove()
  const labels = make('div', { 'class': 'scale', 'aria-hidden': 'true' }, make('span', { style: 'top:-2px' }, number(top)), make('span', { style: 'top:73px' }, number(top / 2)))
  figure.insertBefore(labels, $(id))
}

function roundUp(value) {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value)
}

function drawSeconds(seconds) {
  const last = seconds.at(-1)
  setText('rate', number(last?.queries ?? 0))
  setText('failed', number(last?.failed ?? 0))
  const spoken = seconds.slice(-60)
  const most = Math.max(0, ...spoken.map((second) => second.queries))
  const slowest = Math.max(0, ...spoken.map((second) => second.p99Ms))
  setText('p99', last === undefined || slowest === 0 ? '–' : number(last.queries > 0 ? last.p99Ms : 0))
  plot('plot-rate', seconds, [{ of: (second) => second.queries, name: 'p2' }, { of: (second) => second.failed, name: 'pbad' }])
  plot('plot-latency', seconds, [{ of: (second) => second.p50Ms, name: 'p1' }, { of: (second) => second.p99Ms, name: 'p2' }])
  $('plot-rate').setAttribute('aria-label', `Queries per second: ${last?.queries ?? 0} now, at most ${most} in the last minute`)
  $('plot-latency').setAttribute('aria-label', `Latency: 99 of 100 queries within ${last?.p99Ms ?? 0} ms now, within ${slowest} ms in every second of the last minute`)
}

// State

let before
function drawState(state) {
  document.title = `${state.summary.level === 'well' ? '' : '! '}${state.program} on ${state.host}`
  setText('program', state.program)
  setText('about', `${state.version} on ${state.host}, Node ${state.node}, pid ${state.pid}, up ${ago(state.upSeconds).replace(' ago', '')}; serves ${state.serving.join(', ') || 'nothing yet'}`)
  setSummary(state.summary.level, state.summary.text)
  setText('in-flight', number(state.inFlight))
  setText('memory', number(state.residentBytes / 1e6))
  drawHits(state.cache)
  drawAgent(state.agent)
  drawUpstreams(state.stages.filter((stage) => stage.kind === 'upstreams'))
  drawCluster(state.stages.filter((stage) => stage.kind === 'cluster'))
  const caches = state.stages.filter((stage) => stage.kind === 'cache')
  setText('cache-note', caches.length === 0 ? 'No block has a cache.' : caches.map((stage) => `${stage.zones.join(' ')}: ${stage.success.entries} of ${stage.success.capacity} answers, ${stage.denial.entries} of ${stage.denial.capacity} denials`).join('; '))
}

function setSummary(level, text) {
  $('summary').dataset.level = level
  setText('summary-text', text)
}

/** Of the last ten seconds, so that it moves; of all time until there are some. */
function drawHits(cache) {
  before = before === undefined || performance.now() - before.at > 10_000 ? { at: performance.now(), was: before?.now ?? { hits: 0, misses: 0 }, now: cache } : before
  const hits = cache.hits - before.was.hits
  const all = hits + cache.misses - before.was.misses
  setText('hits', all > 0 ? (100 * hits / all).toFixed(all < 1000 ? 0 : 1) : '–')
}

function drawAgent(agent) {
  show('agent-section', agent !== null)
  if (agent === null) return
  draw('agent-problems', agent.problems, (problems) => problems.map((problem) => make('li', {}, problem)))
  draw('agent', agent.rows, (rows) => rows.flatMap(([name, text]) => [make('dt', {}, name), make('dd', {}, text)]))
}

function drawUpstreams(stages) {
  const all = stages.flatMap(({ from, upstreams }) => upstreams.map((upstream) => ({ from, ...upstream })))
  show('upstreams-section', all.length > 0)
  draw('upstreams', all, (rows) => rows.map((each) => row(
    cell(each.to, 'mono'), cell(each.from, 'mono'), each.down ? cell('down', 'bad') : cell('up', 'good'),
    cell(each.latencyMs === undefined ? '–' : `${number(each.latencyMs)} ms`, 'number'), cell(each.asked.toLocaleString('en'), 'number'), cell(each.failed.toLocaleString('en'), each.failed > 0 ? 'number warn' : 'number'))))
}

function drawCluster(stages) {
  show('cluster-section', stages.length > 0)
  draw('cluster', stages, (rows) => rows.map(({ zones, source, synced, changedSecondsAgo, counts }) => row(
    cell(zones.join(' '), 'mono'), cell(source), synced ? cell('in sync', 'good') : cell('not in sync', 'bad'), cell(changedSecondsAgo === undefined ? 'none yet' : ago(changedSecondsAgo)),
    ...['Service', 'EndpointSlice', 'Namespace', 'Pod'].map((kind) => cell((counts[kind] ?? 0).toLocaleString('en'), 'number')))))
}

// Tables

function drawTop(top) {
  setText('top-note', `${top.queries.toLocaleString('en')} queries in ${top.seconds < 120 ? `${top.seconds} s` : `${Math.round(top.seconds / 60)} min`}`)
  const named = (address) => (top.pods[address] === undefined ? address : `${address} (${top.pods[address]})`)
  const tables = { names: top.names, clients: top.clients.map((row) => ({ ...row, key: named(row.key) })), suffixes: top.suffixes }
  for (const [id, rows] of Object.entries(tables)) draw(id, [rows, top.queries], ([shown, total]) => bars(shown, total))
  show('waste-section', top.waste.length > 0)
  draw('waste', top.waste, (rows) => rows.map(({ client, count, names, advice }) => row(cell(named(client), 'mono'), cell(count.toLocaleString('en'), 'number'), cell(names.join(' '), 'mono'), cell(advice, 'mono'))))
}

function bars(rows, total) {
  if (rows.length === 0) return [make('li', { class: 'none' }, 'none')]
  return rows.map(({ key, count }) => make('li', { style: `--share:${(100 * count / Math.max(1, total)).toFixed(1)}%` }, make('span', {}, key), make('span', {}, count.toLocaleString('en'))))
}

function drawSlow(queries) {
  draw('slow', queries, (rows) => (rows.length === 0 ? empty(6, 'No query took 100 ms or failed.') : rows.map(({ at, name, type, client, rcode, ms, by, error, upstreams }) => row(
    cell(new Date(at).toLocaleTimeString('en-GB')), cell(`${name} ${type}`, 'mono'), cell(client, 'mono'),
    cell(`${rcode || 'dropped'}${by === '' ? '' : ` by ${by}`}${error === '' ? '' : `: ${error}`}`, rcode === 'SERVFAIL' ? 'bad' : ''), cell(number(ms), 'number'),
    cell(upstreams.map((each) => `${each.to} ${number(each.tookMs)} ms`).join(', '), 'mono')))))
}

async function searchCache() {
  const rows = await ask(`/cache?n=100&q=${encodeURIComponent(new FormData($('cache-form')).get('q'))}`)
  draw('cached', rows, () => (rows.length === 0 ? empty(6, 'Nothing in the cache.') : rows.map(({ name, type, rcode, store, ttlLeft, ttl, hits, records }) => row(
    cell(`${name} ${type}`, 'mono'), cell(store === 'success' ? rcode : `${rcode} (denial)`), cell(ttlLeft > 0 ? `${ttlLeft} s` : 'expired', ttlLeft > 0 ? 'number' : 'number warn'), cell(`${ttl} s`, 'number'), cell(hits.toLocaleString('en'), 'number'), cell(records, 'number')))))
}

// Configuration

function drawConfiguration({ inForce, file, rejected }) {
  show('rejected', rejected !== undefined)
  if (rejected !== undefined) setText('rejected', `Rejected ${ago((Date.now() - rejected.at) / 1000)}, what serves is the last good one: ${rejected.error}`)
  drawLines('in-force', inForce, file ?? inForce)
  drawLines('file', file ?? 'cannot be read', file === undefined ? 'cannot be read' : inForce)
}

/** Lines that the other text has not are marked. */
function drawLines(id, text, other) {
  draw(id, [text, other], () => {
    const known = new Set(other.split('\n'))
    return text.split('\n').map((line) => make('span', known.has(line) ? {} : { class: 'other' }, `${line}\n`))
  })
}

// Explain

const SAYS = { 'next': 'passes on', 'done': 'answers', 'drop': 'drops it', 'failed': 'fails', 'waits': 'has not answered yet', 'up only': 'on the way back' }

async function explain() {
  const form = new FormData($('explain-form'))
  const query = new URLSearchParams({ name: form.get('name'), type: form.get('type') || 'A', ...(form.get('client') === '' ? {} : { client: form.get('client') }) })
  try {
    const [explanation] = await ask(`/explain?${query}`)
    const { rcode, flags, answeredBy, tookMs, error, answers, dropped, block } = explanation
    const outcome = dropped ? 'No reply: the query was dropped.' : `${rcode} ${flags.join(' ')}${answeredBy === '' ? '' : ` by ${answeredBy}`} in ${number(tookMs)} ms${block === '' ? '; no block has the name' : `, block ${block}`}`
    fill('explanation', [make('p', {}, make('b', {}, outcome), error === '' ? '' : ` ${error}`), make('ul', {}, ...answers.map((record) => make('li', { class: 'mono' }, record))), steps(explanation)])
  } catch (error) {
    fill('explanation', [make('p', { class: 'bad' }, error.message)])
  }
}

function steps(log) {
  return make('ol', { class: 'steps' }, ...log.steps.map((step) => make('li', { class: step.verdict === 'done' ? 'answers' : '' },
    make('b', {}, step.stage), ` ${SAYS[step.verdict]}, ${number(step.tookMs)} ms`,
    make('ul', {},
      ...Object.entries(step.facts).map(([name, value]) => make('li', {}, `${name}: ${Array.isArray(value) ? value.join(', ') : value}`)),
      ...step.attempts.map(({ to, protocol, outcome, tookMs }) => make('li', {}, `asked ${to} over ${protocol}: ${outcome}, ${number(tookMs)} ms`)),
      ...[...step.changed.map((text) => `request ${text}`), ...step.changedReply.map((text) => `reply ${text}`), ...step.learned.map((text) => `then ${text}`)].map((text) => make('li', {}, text)),
      ...step.asked.map((inner) => make('li', {}, `asks ${inner.question}`, steps(inner)))))))
}

// Live

/** Again and again, one round at a time; a page that nobody looks at asks nothing. */
async function repeat(ms, round) {
  for (;;) {
    if (!document.hidden) {
      try {
        await round()
      } catch (error) {
        setSummary('lost', `no answer from the program (${error.message}); trying again`)
      }
    }
    await new Promise((resolve) => setTimeout(resolve, ms))
  }
}

$('explain-form').addEventListener('submit', (event) => {
  event.preventDefault()
  void explain()
})
$('cache-form').addEventListener('submit', (event) => {
  event.preventDefault()
  void searchCache()
})
void repeat(LIVE_MS, async () => {
  drawState(await ask('/state'))
  drawSeconds(await ask('/seconds'))
})
void repeat(SLOWLY_MS, async () => {
  drawTop(await ask('/top?n=10'))
  drawSlow(await ask('/slow'))
  drawConfiguration(await ask('/configuration'))
  await searchCache()
})
