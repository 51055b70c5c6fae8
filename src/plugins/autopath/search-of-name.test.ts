import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { QuickQuestion } from '../../core/quick-question.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { Message } from '../../wire/message.ts'
import { searchOfName, SearchNames } from './search-of-name.ts'

const ZONES = ['cluster.local.', 'b.example.']

describe('the search list that a name betrays', () => {
  for (const [name, expected] of [
    ['www.example.org.shop.svc.cluster.local.', ['shop.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.', 'node.example.', '']],
    ['cart.shop.web.svc.b.example.', ['web.svc.b.example.', 'svc.b.example.', 'b.example.', 'node.example.', '']],
    ['a.b.NS.SVC.Cluster.Local.', ['NS.SVC.Cluster.Local.', 'SVC.Cluster.Local.', 'Cluster.Local.', 'node.example.', '']],
    ['cart.shop.svc.cluster.local.', undefined],
    ['a.b.shop.pod.cluster.local.', undefined],
    ['a.b.svc.cluster.local.', undefined],
    ['a.b.c.svc.example.', undefined],
    ['cluster.local.', undefined],
    ['.', undefined],
  ] as const) {
    test(`of ${name}`, () => assert.deepEqual(searchOfName(name, ZONES, ['node.example.']), expected))
  }

  test('octets and text agree for any name', () => {
    const names = new SearchNames(ZONES)
    const label = fc.constantFrom('a', 'svc', 'SVC', 'pod', 'cluster', 'local', 'b', 'example', 'svcs', 'x'.repeat(63))
    fc.assert(fc.property(fc.array(label, { maxLength: 7 }), fc.constantFrom('', 'cluster.local.', 'svc.cluster.local.', 'b.example.', 'Cluster.LOCAL.'), (labels, end) => {
      const name = `${labels.map((each) => `${each}.`).join('')}${end}` || '.'
      const message = new Message()
      message.questions = [{ name, type: 1, class: 1 }]
      let packet: Uint8Array
      try {
        packet = encodeMessage(message)
      } catch {
        return true // Longer than a name can be.
      }
      const question = new QuickQuestion()
      return !question.read(packet, 0, packet.length) || names.has(question) === (searchOfName(name, ZONES, []) !== undefined)
    }))
  })
})
