import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { ScriptedUpstream } from '../../../test/support/scripted-upstream.ts'
import { testServer, type AskOptions, type TestServer } from '../../../test/support/world.ts'
import { cachePlugin } from '../cache/index.ts'
import { forwardPlugin } from './index.ts'

/** A validating upstream in front of us: what clients ask about authenticity reaches it, and what it says reaches them and nobody else. */
describe('forward and cache, with DO, AD and CD', () => {
  let server: TestServer | undefined
  let upstream: ScriptedUpstream | undefined

  afterEach(async () => {
    await server?.stop()
    upstream?.close()
  })

  async function serve(): Promise<void> {
    upstream = await ScriptedUpstream.open((asked) => asked.answer([`${asked.query.questions[0]!.name} 60 IN A 192.0.2.1`], (reply) => {
      reply.ad = asked.query.ad || asked.query.edns?.do === true
      reply.cd = asked.query.cd
      if (asked.query.edns !== undefined) reply.edns = { ...asked.query.edns, options: [] }
    }))
    server = await testServer(`. {\ncache\nforward . ${upstream.address}\n}`, { plugins: [cachePlugin, forwardPlugin] })
  }

  const asked = () => upstream!.asked.map(({ query }) => query).filter((query) => query.questions[0]!.name !== '.')
  const DO: AskOptions = { edns: { do: true } }

  test('AD is for those who ask for it, with AD or DO, from the upstream and from the cache', async () => {
    await serve()
    for (const [options, ad] of [[{}, false], [{ ad: true }, true], [DO, true], [{}, false], [{ ad: true }, true], [DO, true]] as const) {
      assert.equal((await server!.ask('www.example.org. A', options))!.ad, ad, JSON.stringify(options))
    }
    // With DO it is another entry: its records may have signatures.
    assert.equal(asked().length, 2)
  })

  test('DO and CD reach the upstream, and their answers are kept apart', async () => {
    await serve()
    for (const options of [{}, DO, { cd: true }, { cd: true, ...DO }, { cd: true }, DO]) await server!.ask('www.example.org. A', options)
    assert.deepEqual(asked().map((query) => [query.edns?.do === true, query.cd]), [[false, false], [true, false], [false, true], [true, true]])
  })

  test('a client without DO gets no OPT that it did not send', async () => {
    await serve()
    await server!.ask('www.example.org. A', DO)
    assert.equal((await server!.ask('www.example.org. A'))!.edns, undefined)
  })
})
