import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RCODE, rcodeName } from '../../wire/codes.ts'
import { lines, testServer, type TestServer } from '../../../test/support/world.ts'
import type { External, Externals } from '../../core/externals.ts'
import { DONE, type Plugin } from '../../core/plugin.ts'
import { k8sExternalPlugin } from './index.ts'

const at = (host: string, port: number, address?: Uint8Array): External => ({ host, port, address, owner: 'web.shop' })
const V4 = Uint8Array.of(198, 51, 100, 7)

/** What the cluster calls when it changes. */
let change: ((labels: readonly string[], addresses: readonly Uint8Array[]) => void) | undefined

/** In the place of a cluster: knows `web.shop`, and whatever else is asked of the server is 203.0.113.1. */
function cluster(found: readonly External[]): Plugin {
  const externals: Externals = {
    ttl: 30, serial: 7,
    find: (labels) => (labels.join('.') === 'web.shop' ? found : undefined),
    servicesAt: () => ['web.shop', 'web.shop', 'api.shop'],
    nameServers: () => [V4],
    onChanged(listener) {
      change = listener
      return () => { change = undefined }
    },
  }
  return {
    name: 'kubernetes',
    parse: () => ({ build: () => ({
      name: 'kubernetes', externals,
      query(q) {
        const { name, type } = q.question
        if (name === 'lb.cloud.' && type === 1) q.begin().answers = [{ name, type, class: 1, ttl: 9, rdata: Uint8Array.of(203, 0, 113, 1) }]
        else q.begin(RCODE.NXDOMAIN)
        return DONE
      },
    }) }),
  }
}

function serve(found: readonly External[], options = ''): Promise<TestServer> {
  return testServer(`. {\n k8s_external Ext.example 198.51.100.0/24 {\n${options}\n }\n kubernetes\n}`, { plugins: [k8sExternalPlugin, cluster(found)] })
}

test('a host name of a load balancer is an alias, with what the server finds for it', async () => {
  const server = await serve([at('198.51.100.7', 80, V4), at('lb.cloud', 80)])
  const { answers } = (await server.ask('web.shop.ext.example. A'))!
  assert.deepEqual(lines(answers), ['web.shop.ext.example. 5 IN A 198.51.100.7', 'web.shop.ext.example. 30 IN CNAME lb.cloud.', 'lb.cloud. 9 IN A 203.0.113.1'])
  const srv = (await server.ask('web.shop.ext.example. SRV'))!
  assert.deepEqual(lines(srv.answers), ['web.shop.ext.example. 30 IN SRV 0 50 80 web.shop.ext.example.', 'web.shop.ext.example. 30 IN SRV 0 50 80 lb.cloud.'])
  assert.deepEqual(lines(srv.additionals), ['web.shop.ext.example. 5 IN A 198.51.100.7', 'lb.cloud. 9 IN A 203.0.113.1'])
})

test('services without ports have addresses and no SRV records', async () => {
  const server = await serve([at('198.51.100.7', -1, V4)])
  assert.equal((await server.ask('web.shop.ext.example. A'))!.answers.length, 1)
  assert.deepEqual(lines((await server.ask('web.shop.ext.example. SRV'))!.authorities), ['ext.example. 5 IN SOA ns1.dns.ext.example. hostmaster.dns.ext.example. 7 7200 1800 86400 5'])
})

test('reverse names list each service once, in the first zone', async () => {
  const server = await serve([])
  assert.deepEqual(lines((await server.ask('7.100.51.198.in-addr.arpa. PTR'))!.answers), ['7.100.51.198.in-addr.arpa. 5 IN PTR web.shop.ext.example.', '7.100.51.198.in-addr.arpa. 5 IN PTR api.shop.ext.example.'])
})

test('names of the zone itself do not fall through', async () => {
  const server = await serve([], 'fallthrough')
  const rcodes = await Promise.all(['dns.ext.example.', 'ns1.dns.ext.example.', 'x.dns.ext.example.', 'a.ns1.dns.ext.example.'].map(async (name) => rcodeName((await server.ask(`${name} TXT`))!.rcode)))
  assert.deepEqual(rcodes, ['NOERROR', 'NOERROR', 'NXDOMAIN', 'NXDOMAIN'])
})

test('changes of the cluster are told as names outside, until nobody listens', async () => {
  const server = await serve([])
  const heard: (readonly string[])[] = []
  const leave = server.generation.blocks[0]!.stages[0]!.onChanged!((names) => heard.push(names))
  change!(['web.shop'], [V4, Uint8Array.of(10, 0, 0, 1)])
  change!([''], [])
  assert.deepEqual(heard[0]!.filter((name) => !name.startsWith('web.shop') || name.endsWith('ext.example.')), ['web.shop.ext.example.', '7.100.51.198.in-addr.arpa.'])
  assert.ok(heard[1]!.includes('ext.example.'))
  leave()
  assert.equal(change, undefined)
})
