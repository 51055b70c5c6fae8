import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lines, testServer } from '../../../test/support/world.ts'
import { DONE, type Plugin } from '../../core/plugin.ts'
import { RCODE } from '../../wire/codes.ts'
import type { Name } from '../../wire/name.ts'
import { parseRecord } from '../../wire/record.ts'
import { cachePlugin } from './index.ts'

const SOA = 'cluster.local. 30 IN SOA ns.dns.cluster.local. hostmaster.cluster.local. 1 7200 1800 86400 30'

test('what a stage below says has changed is forgotten at once, with all below it and nothing else', async () => {
  const addresses = new Map([['cart.shop.svc.cluster.local.', '10.96.0.1'], ['_http._tcp.cart.shop.svc.cluster.local.', '10.96.0.1'], ['cartoon.shop.svc.cluster.local.', '10.96.0.3']])
  let changed: (names: readonly Name[]) => void = () => assert.fail('nobody listens')
  let listeners = 0
  const below: Plugin = {
    name: 'whoami',
    parse: () => ({ build: () => ({
      name: 'whoami',
      query: (q) => {
        const address = addresses.get(q.question.name.toLowerCase())
        if (address === undefined) q.begin(RCODE.NXDOMAIN).authorities = [parseRecord(SOA)]
        else q.begin().answers = [parseRecord(`${q.question.name} 30 IN A ${address}`)]
        return DONE
      },
      onChanged: (listener) => {
        changed = listener
        listeners++
        return () => { listeners-- }
      },
    }) }),
  }
  const server = await testServer('. {\ncache 30\nwhoami\n}', { plugins: [cachePlugin, below] })
  const ask = async (name: string) => lines((await server.ask(`${name} A`))!.answers).map((line) => line.split(' ').at(-1)).join()
  const names = ['cart.shop.svc.cluster.local.', '_http._tcp.CART.shop.svc.cluster.local.', 'cartoon.shop.svc.cluster.local.', 'new.shop.svc.cluster.local.']
  assert.deepEqual(await Promise.all(names.map(ask)), ['10.96.0.1', '10.96.0.1', '10.96.0.3', ''])
  for (const name of addresses.keys()) addresses.set(name, '10.96.0.9')
  addresses.set('new.shop.svc.cluster.local.', '10.96.0.9')
  assert.deepEqual(await Promise.all(names.map(ask)), ['10.96.0.1', '10.96.0.1', '10.96.0.3', ''])
  changed(['cart.shop.svc.cluster.local.'])
  assert.deepEqual(await Promise.all(names.map(ask)), ['10.96.0.9', '10.96.0.9', '10.96.0.3', ''])
  changed(['new.shop.svc.cluster.local.'])
  changed(['cartoon.shop.svc.cluster.local.'])
  server.clock.advance(100)
  assert.deepEqual(await Promise.all(names.map(ask)), ['10.96.0.9', '10.96.0.9', '10.96.0.9', '10.96.0.9'])
  addresses.clear()
  changed(['.'])
  server.clock.advance(100)
  assert.deepEqual(await Promise.all(names.map(ask)), ['', '', '', ''])
  await server.stop()
  assert.equal(listeners, 0)
})
