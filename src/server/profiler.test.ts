import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemProfiler } from './profiler.ts'

test('a profile names the functions that ran', async () => {
  const profile = systemProfiler.cpuProfile(300)
  const end = Date.now() + 200
  await new Promise((resolve) => setTimeout(resolve, 10))
  while (Date.now() < end) spin()
  const { nodes } = JSON.parse(await profile) as { nodes: { callFrame: { functionName: string } }[] }
  assert.ok(nodes.some((node) => node.callFrame.functionName === 'spin'))
})

test('a snapshot holds what is on the heap', async () => {
  const marker = { kept: `only in this ${'test'}` }
  const snapshot = JSON.parse(await systemProfiler.heapSnapshot()) as { snapshot: object; nodes: number[]; strings: string[] }
  assert.ok(snapshot.nodes.length > 1000)
  assert.ok(snapshot.strings.includes('only in this test'), marker.kept)
})

function spin(): number {
  let sum = 0
  for (let i = 0; i < 100_000; i++) sum += Math.sqrt(i)
  return sum
}
