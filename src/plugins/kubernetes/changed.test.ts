import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { testServer } from '../../../test/support/world.ts'
import { until } from '../../../test/support/until.ts'
import { EVERYTHING } from '../../cluster/change.ts'
import { changedNames } from './changed.ts'
import { kubernetesPlugin } from './index.ts'

const ZONES = ['cluster.local.', 'in-addr.arpa.']

test('a change is told as names in every zone that is served', () => {
  assert.deepEqual(changedNames({ names: ['cart.shop.svc'], addresses: ['10.96.0.7', 'fd00::7'] }, ZONES), ['cart.shop.svc.cluster.local.', '7.0.96.10.in-addr.arpa.'])
  assert.deepEqual(changedNames({ names: ['cart.shop.svc'], addresses: [] }, ['.', 'b.example.']), ['cart.shop.svc.', 'cart.shop.svc.b.example.'])
  assert.deepEqual(changedNames(EVERYTHING, ZONES), ZONES)
})

test('the stage tells who listens, until they leave', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-changed-'))
  const write = (ip: string) => writeFileSync(join(folder, 'cart.yaml'), `apiVersion: v1\nkind: Service\nmetadata: { name: cart, namespace: shop }\nspec: { clusterIP: ${ip} }\n`)
  write('10.96.0.7')
  const server = await testServer(`cluster.local {\n kubernetes cluster.local 10.in-addr.arpa {\n objects ${folder}\n }\n}\n`, { plugins: [kubernetesPlugin] })
  try {
    const heard: (readonly string[])[] = []
    const leave = server.generation.blocks[0]!.stages[0]!.onChanged!((names) => heard.push(names))
    write('10.96.0.8')
    await until(() => {
      server.clock.advance(1000)
      return heard.length > 0
    })
    assert.deepEqual(heard, [['cart.shop.svc.cluster.local.', '7.0.96.10.in-addr.arpa.', '8.0.96.10.in-addr.arpa.']])
    leave()
    write('10.96.0.9')
    server.clock.advance(1000)
    assert.equal(heard.length, 1)
  } finally {
    await server.stop()
    // The index outlives its last user for a while.
    server.clock.advance(20_000)
    rmSync(folder, { recursive: true })
  }
})
