/** SERVFAIL for want of an upstream or of the API server says why, in an Extended DNS Error (RFC 8914); what a configuration makes fail is as CoreDNS has it. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { scripted, testServer, type TestServer } from '../../test/support/world.ts'
import { PLUGINS, pluginTable } from '../plugins/index.ts'
import { RCODE } from '../wire/codes.ts'
import { EDE, readExtendedError } from '../wire/edns.ts'

const NOBODY = '127.0.0.77:1'
const CASES: readonly { readonly of: string; readonly corefile: string; readonly ask: string; readonly code?: number; readonly text?: RegExp }[] = [
  { of: 'an upstream where nobody listens', corefile: `. {\nforward . ${NOBODY} {\nmax_connect_attempts 1\n}\n}`, ask: 'a.example. A', code: EDE.NETWORK_ERROR, text: /127\.0\.0\.77:1: .*connection refused/ },
  { of: 'autopath, for the upstream of the names it tries', corefile: `cluster.local {\nautopath @search\nforward . ${NOBODY} {\nmax_connect_attempts 1\n}\n}`, ask: 'a.b.shop.svc.cluster.local. A', code: EDE.NETWORK_ERROR, text: /connection refused/ },
  { of: 'kubernetes, before the first sync', corefile: '. {\nkubernetes cluster.local {\nendpoint http://127.0.0.77:1\nstartup_timeout 0s\n}\n}', ask: 'web.shop.svc.cluster.local. A', code: EDE.NOT_READY, text: /API server has not told/ },
  { of: 'hosts without fallthrough', corefile: '. {\nhosts {\n192.0.2.1 a.example\n}\n}', ask: 'b.example. A' },
  { of: 'template without fallthrough', corefile: '. {\ntemplate IN A {\nmatch ^no\nanswer "{{ .Name }} 1 IN A 192.0.2.1"\n}\n}', ask: 'b.example. A' },
  { of: 'template, for a record that is none', corefile: '. {\ntemplate IN A {\nanswer "{{ .Name }} 1 IN A nonsense"\n}\n}', ask: 'b.example. A' },
  { of: 'a chain that ends without an answer', corefile: '. {\ncache\n}', ask: 'b.example. A' },
  { of: 'a stage that throws', corefile: '. {\nwhoami\n}', ask: 'throws.example. A' },
]

describe('the reason of SERVFAIL', () => {
  for (const { of, corefile, ask, code, text } of CASES) {
    describe(of, () => {
      let server: TestServer
      before(async () => {
        const throws = scripted(() => { throw new Error(`a bug ${'x'.repeat(400)}`) })
        server = await testServer(corefile, { plugins: [...pluginTable([...PLUGINS, throws]).values()] })
      })
      after(async () => {
        await server.stop()
        server.clock.advance(60_000)
      })

      test(code === undefined ? 'is told to nobody' : 'is told to clients with EDNS, and to no others', async () => {
        const reply = (await server.ask(ask, { edns: {} }))!
        assert.equal(reply.rcode, RCODE.SERVFAIL)
        const told = reply.edns!.options.map(readExtendedError).filter((each) => each !== undefined)
        assert.deepEqual(told.map((each) => each.code), code === undefined ? [] : [code])
        if (text !== undefined) assert.match(told[0]!.text, text)
        assert.ok(told.every((each) => each.text.length <= 200))
        assert.equal((await server.ask(ask))!.edns, undefined)
      })
    })
  }
})
