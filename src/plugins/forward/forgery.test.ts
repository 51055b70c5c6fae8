import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { ScriptedUpstream, type Asked } from '../../../test/support/scripted-upstream.ts'
import { until } from '../../../test/support/until.ts'
import { lines, testServer, type AskOptions, type TestServer } from '../../../test/support/world.ts'
import { encodeMessage } from '../../wire/encode.ts'
import { EDNS } from '../../wire/edns.ts'
import { Message } from '../../wire/message.ts'
import { parseRecord } from '../../wire/record.ts'
import { forwardPlugin } from './index.ts'

/** Long, so that its letters in random case are never all as they were. */
const NAME = 'a-name-of-many-letters.that-nobody-can-guess.example.org.'
const TRUE = `${NAME} 60 IN A 192.0.2.1`
const FORGED = `${NAME} 60 IN A 203.0.113.66`
const SERVER_COOKIE = Buffer.from('0123456789abcdef', 'hex')
/** Octets to some hundred guesses, which fit into a socket's buffer, are sent at once. */
const BURST = 256

describe('forward, with a neighbour of the upstream that guesses', () => {
  let server: TestServer | undefined
  let upstream: ScriptedUpstream | undefined

  afterEach(async () => {
    await server?.stop()
    upstream?.close()
    upstream = undefined
  })

  async function serve(options: string, script: (asked: Asked) => void): Promise<void> {
    upstream = await ScriptedUpstream.open(script)
    const random = Array.from({ length: 997 }, (_, i) => ((i * 613) % 997) / 997)
    server = await testServer(`. {\nforward . ${upstream.address} {\n${options}\n}\n}`, { plugins: [forwardPlugin], random })
  }

  const ask = (options: AskOptions = {}) => server!.ask(`${NAME} A`, options)
  const address = (reply: Message | undefined) => lines(reply!.answers)

  /** Every id there is, from the upstream's own address and port to the port that asked: more than a neighbour can do in the time. */
  async function flood(asked: Asked, guess: (id: number) => Uint8Array): Promise<void> {
    const there = upstream
    for (let id = 0; id < 0x10000 && upstream === there; id++) {
      asked.send(guess(id))
      if (id % BURST === BURST - 1) await new Promise((resolve) => setImmediate(resolve))
    }
    // What comes behind the guesses must find room in the socket's buffer.
    await new Promise((resolve) => setTimeout(resolve, 100))
  }

  function guesses(): (id: number) => Uint8Array {
    const message = new Message()
    Object.assign(message, { qr: true, ra: true, questions: [{ name: NAME, type: 1, class: 1 }], answers: [parseRecord(FORGED)] })
    const packet = encodeMessage(message)
    return (id) => {
      const copy = Buffer.from(packet)
      copy.writeUInt16BE(id)
      return copy
    }
  }

  test('letters in random case keep every guess out, and clients see their own', async () => {
    await serve('random_case', (asked) => void flood(asked, guesses()).then(() => asked.answer([TRUE.replace(NAME, asked.query.questions[0]!.name)])))
    const reply = await ask()
    assert.deepEqual(address(reply), [TRUE])
    assert.equal(reply!.questions[0]!.name, NAME)
    assert.notEqual(upstream!.asked[0]!.query.questions[0]!.name, NAME)
  })

  test('without it the same flood succeeds', async () => {
    await serve('', (asked) => void flood(asked, guesses()))
    assert.deepEqual(address(await ask()), [FORGED])
  })

  test('an upstream that changes the case is asked over TCP, and then as the client wrote', async () => {
    await serve('random_case', (asked) => asked.answer([TRUE], (reply) => { reply.questions = [{ ...reply.questions[0]!, name: NAME }] }))
    const first = ask()
    await until(() => upstream!.asked.length === 1)
    await new Promise((resolve) => setTimeout(resolve, 20))
    server!.clock.advance(250)
    assert.deepEqual(address(await first), [TRUE])
    assert.deepEqual(address(await ask()), [TRUE])
    assert.deepEqual(upstream!.asked.filter((asked) => asked.query.questions[0]!.name !== '.').map((asked) => asked.protocol), ['udp', 'tcp', 'udp'])
  })

  describe('cookies', () => {
    const cookieOf = (asked: Asked) => asked.query.edns?.options.find((option) => option.code === EDNS.COOKIE)?.data
    const withCookie = (asked: Asked) => (reply: Message) => {
      const data = Buffer.concat([cookieOf(asked)!.subarray(0, 8), SERVER_COOKIE])
      reply.edns = { udpSize: 1232, version: 0, do: false, z: 0, options: [{ code: EDNS.COOKIE, data }] }
    }

    test('once the upstream speaks of them, no guess gets in', async () => {
      let asks = 0
      await serve('cookies', (asked) => {
        if (asks++ === 0) asked.answer([TRUE], withCookie(asked))
        else void flood(asked, guesses()).then(() => asked.answer([TRUE], withCookie(asked)))
      })
      assert.deepEqual(address(await ask()), [TRUE])
      assert.deepEqual(address(await ask()), [TRUE])
      assert.deepEqual(Buffer.from(cookieOf(upstream!.asked[1]!)!.subarray(8)), SERVER_COOKIE)
    })

    test('are between the upstream and us: clients keep their own, and get no OPT that they did not send', async () => {
      await serve('cookies', (asked) => asked.answer([TRUE], withCookie(asked)))
      assert.equal((await ask())!.edns, undefined)
      const own = Buffer.from('fedcba9876543210', 'hex')
      const reply = await ask({ edns: { udpSize: 1400, options: [{ code: EDNS.COOKIE, data: own }] } })
      assert.deepEqual(reply!.edns!.options, [])
      const options = upstream!.asked[1]!.query.edns!.options
      assert.equal(options.length, 1)
      assert.notDeepEqual(Buffer.from(options[0]!.data.subarray(0, 8)), own)
      assert.equal(upstream!.asked[1]!.query.edns!.udpSize, 1400)
    })

    test('a cookie that the upstream does not take any more is renewed over TCP', async () => {
      await serve('cookies', (asked) => {
        if (asked.protocol === 'tcp') return asked.answer([TRUE], withCookie(asked))
        asked.answer([], (reply) => {
          withCookie(asked)(reply)
          reply.rcode = 23
        })
      })
      assert.deepEqual(address(await ask()), [TRUE])
    })

    test('an upstream that has forgotten them is asked over TCP once, and is believed without', async () => {
      let knows = true
      await serve('cookies', (asked) => asked.answer([TRUE], knows ? withCookie(asked) : undefined))
      await ask()
      knows = false
      const reply = ask()
      await until(() => upstream!.asked.length === 2)
      await new Promise((resolve) => setTimeout(resolve, 20))
      server!.clock.advance(250)
      assert.deepEqual(address(await reply), [TRUE])
      assert.deepEqual(address(await ask()), [TRUE])
      assert.deepEqual(upstream!.asked.filter((asked) => asked.query.questions[0]!.name !== '.').map((asked) => asked.protocol), ['udp', 'udp', 'tcp', 'udp'])
    })
  })
})
