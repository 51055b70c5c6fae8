import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { FakeClock } from '../base/fake-clock.ts'
import { MemoryLog } from '../base/log.ts'
import { Configuration } from './configuration.ts'
import { NO_KUBE_DNS, parseKubeDns } from './kube-dns-config.ts'
import { expandTemplate, type TemplateValues } from './template.ts'

const VALUES: TemplateValues = { localIps: ['169.254.20.10', 'fd00::10'], clusterDns: '10.96.0.11', prometheusAddress: ':9253', port: 53 }
const TEMPLATE = `cluster.local:53 {
    bind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__
    forward . __PILLAR__CLUSTER__DNS__ {
            force_tcp
    }
    prometheus __PROMETHEUS__ENDPOINT__
}
.:53 {
    forward . __PILLAR__UPSTREAM__SERVERS__ {
            force_tcp
    }
}
`

describe('the template of the Corefile', () => {
  test('without a kube-dns configuration', () => {
    const text = expandTemplate(TEMPLATE, VALUES, NO_KUBE_DNS)
    assert.match(text, /bind 169\.254\.20\.10 fd00::10 \n/)
    assert.match(text, /forward \. 10\.96\.0\.11 \{\s+force_tcp/)
    assert.match(text, /forward \. \/etc\/resolv\.conf \{\s+force_tcp/)
    assert.match(text, /prometheus :9253/)
    assert.doesNotMatch(text, /__/)
  })

  test('custom upstreams are asked over UDP, the cluster still over TCP', () => {
    const text = expandTemplate(TEMPLATE, VALUES, parseKubeDns(new Map([['upstreamNameservers', '["8.8.8.8", "1.1.1.1:5353"]']])))
    assert.match(text, /forward \. 8\.8\.8\.8 1\.1\.1\.1:5353\n/)
    assert.match(text, /forward \. 10\.96\.0\.11 \{\s+force_tcp/)
  })

  test('a block for each stub domain, in order of their names', () => {
    const text = expandTemplate('', VALUES, parseKubeDns(new Map([['stubDomains', '{"b.example": ["1.2.3.4"], "a.example": ["[fd00::1]:53", "1.2.3.5"]}']])))
    assert.deepEqual([...text.matchAll(/^(\S+) \{[\s\S]*?bind (.*)\n\s+forward (.*)\n/gm)].map((match) => match.slice(1)), [
      ['a.example:53', '169.254.20.10 fd00::10', '. [fd00::1]:53 1.2.3.5'], ['b.example:53', '169.254.20.10 fd00::10', '. 1.2.3.4'],
    ])
  })

  test('a cluster without an address of its DNS says what is missing', () => {
    const clusterDns = new Error('the Service kube-dns-upstream must exist')
    assert.throws(() => expandTemplate(TEMPLATE, { ...VALUES, clusterDns }, NO_KUBE_DNS), clusterDns)
    assert.doesNotThrow(() => expandTemplate('. {\n}\n', { ...VALUES, clusterDns }, NO_KUBE_DNS))
  })

  test('values are put in to the letter, whatever they hold', () => {
    assert.equal(expandTemplate('__PROMETHEUS__ENDPOINT__ __PILLAR__LOCAL__DNS__|__PILLAR__DNS__SERVER__|', { ...VALUES, localIps: ['0:0::1'], prometheusAddress: '$&:__PILLAR__LOCAL__DNS__' }, NO_KUBE_DNS),
      '$&:__PILLAR__LOCAL__DNS__ 0:0::1||')
  })

  test('a kube-dns configuration that is wrong is refused by its key', () => {
    for (const [key, text, expected] of [
      ['stubDomains', '{', /stubDomains: not JSON/], ['stubDomains', '[]', /an object of domains/], ['stubDomains', '{"A.example": []}', /"A\.example" is no domain/], ['stubDomains', '{"a": "1.1.1.1"}', /stubDomains: a: a list/],
      ['stubDomains', '{"a": []}', /stubDomains: a: a list of at least one server/], ['stubDomains', '{"a": null}', /stubDomains: a: a list/], ['stubDomains', `{"${'a'.repeat(64)}.b": ["1.1.1.1"]}`, /is no domain/],
      ['stubDomains', '\ufffd', /stubDomains: not JSON/], ['upstreamNameservers', '["1.1.1.1"', /upstreamNameservers: not JSON/], ['upstreamNameservers', '{}', /a list of servers/], ['upstreamNameservers', '["tls://dns.example"]', /is no IP/], ['upstreamNameservers', '["https://1.1.1.1"]', /is no IP/], ['upstreamNameservers', '["08.8.8.8"]', /is no IP/],
      ['stubDomains', '{"a": ["dns.example"]}', /"dns\.example" is no IP or IP:port/], ['upstreamNameservers', '["1.1.1.1","1.1.1.2","1.1.1.3","1.1.1.4"]', /4 servers; at most 3/], ['upstreamNameservers', '["1.1.1.1:0"]', /is no IP or IP:port/],
    ] as const) assert.throws(() => parseKubeDns(new Map([[key, text]])), expected, text)
  })
})

test('a kube-dns configuration may name servers over TLS', () => {
  const files = new Map([['upstreamNameservers', '["tls://9.9.9.9%dns.quad9.net", "tls://[2620:fe::fe]:853"]']])
  assert.match(expandTemplate('forward . __PILLAR__UPSTREAM__SERVERS__', VALUES, parseKubeDns(files)), /forward \. tls:\/\/9\.9\.9\.9%dns\.quad9\.net tls:\/\/\[2620:fe::fe\]:853/)
})

test('a kube-dns configuration that is empty changes nothing', () => {
  for (const files of [[], [['stubDomains', '']], [['stubDomains', 'null'], ['upstreamNameservers', 'null']], [['stubDomains', '{}'], ['upstreamNameservers', '[]']], [['federations', '{"a":"b"}']]] as [string, string][][]) {
    assert.deepEqual(parseKubeDns(new Map(files)), NO_KUBE_DNS)
  }
})

describe('the Corefile of the agent', () => {
  let folder: string
  let clock: FakeClock
  let log: MemoryLog
  let failures: string[]
  let written: number
  let configuration: Configuration

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearth-configuration-'))
    clock = new FakeClock()
    log = new MemoryLog()
    failures = []
    written = 0
    put('Corefile.base', 'one __PILLAR__UPSTREAM__SERVERS__')
    configuration = new Configuration({ template: join(folder, 'Corefile.base'), corefile: join(folder, 'Corefile'), kubeDnsFolder: join(folder, 'kube-dns'), values: VALUES }, {
      clock, log, failed: (kind) => failures.push(kind), written: () => { written++ },
    })
    configuration.writeFirst()
    configuration.watch()
  })

  afterEach(() => {
    configuration.stop()
    rmSync(folder, { recursive: true })
  })

  const put = (file: string, text: string) => writeFileSync(join(folder, file), text)
  const corefile = () => readFileSync(join(folder, 'Corefile'), 'utf8')

  test('follows the template, and is not written again without need', () => {
    assert.equal(corefile(), 'one /etc/resolv.conf')
    clock.advance(10_000)
    assert.equal(written, 0)
    put('Corefile.base', 'two')
    clock.advance(2000)
    assert.equal(corefile(), 'two')
    assert.equal(written, 1)
    assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith('.tmp')), [])
  })

  test('follows a ConfigMap that is mounted later; a mistake keeps the last good one and is said once', () => {
    mkdirSync(join(folder, 'kube-dns'))
    put('kube-dns/upstreamNameservers', '["8.8.8.8"]')
    clock.advance(2000)
    assert.equal(corefile(), 'one 8.8.8.8')
    put('kube-dns/upstreamNameservers', '["nonsense"]')
    clock.advance(20_000)
    assert.equal(corefile(), 'one 8.8.8.8')
    assert.deepEqual(failures, ['configmap'])
    assert.equal(log.lines.filter((line) => line.includes('kube-dns configuration rejected, keeping the last good one')).length, 1)
    rmSync(join(folder, 'kube-dns'), { recursive: true })
    clock.advance(2000)
    assert.equal(corefile(), 'one /etc/resolv.conf')
  })

  test('mistakes in template and ConfigMap at the same time are said once each', () => {
    put('kube-dns', 'a file where a folder is wanted')
    rmSync(join(folder, 'Corefile.base'))
    clock.advance(20_000)
    assert.deepEqual(failures, ['configmap', 'configmap'], log.lines.join('\n'))
  })

  test('a template that comes later is used then', () => {
    configuration.stop()
    rmSync(join(folder, 'Corefile.base'))
    rmSync(join(folder, 'Corefile'))
    put('Corefile', 'by hand')
    configuration = new Configuration({ template: join(folder, 'Corefile.base'), corefile: join(folder, 'Corefile'), kubeDnsFolder: undefined, values: VALUES }, {
      clock, log, failed: (kind) => failures.push(kind), written: () => { written++ },
    })
    configuration.writeFirst()
    configuration.watch()
    clock.advance(10_000)
    assert.equal(corefile(), 'by hand')
    assert.deepEqual(failures, [])
    put('Corefile.base', 'from the template')
    clock.advance(2000)
    assert.equal(corefile(), 'from the template')
    assert.equal(written, 1)
  })

  test('a place that cannot be written to is named, with what to do', () => {
    const options = { template: join(folder, 'Corefile.base'), corefile: '/proc/Corefile', kubeDnsFolder: undefined, values: VALUES }
    assert.throws(() => new Configuration(options, { clock, log, failed: () => {}, written: () => {} }).writeFirst(), /cannot write \/proc\/Corefile: .*; -conf names where the Corefile goes/)
  })

  test('a template that goes keeps the Corefile', () => {
    rmSync(join(folder, 'Corefile.base'))
    clock.advance(10_000)
    assert.equal(corefile(), 'one /etc/resolv.conf')
    assert.equal(failures.length, 1)
    put('Corefile.base', 'back')
    clock.advance(2000)
    assert.equal(corefile(), 'back')
  })
})
