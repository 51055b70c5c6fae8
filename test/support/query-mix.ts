/** A configuration with every kind of answer, and queries of every kind for it: for tests that two ways through the server are one. */
import fc from 'fast-check'
import { EDNS } from '../../src/wire/edns.ts'
import { encodeMessage } from '../../src/wire/encode.ts'
import { Message } from '../../src/wire/message.ts'

/** Small and large answers, aliases, denials with and without SOA, failures, nothing at all. */
export const mixedCorefile = (port: number, metrics: number, loadbalance: string) => `example.org:${port} sub.example.org:${port} {
  bind 127.0.0.1 ::1
  errors
  prometheus 127.0.0.1:${metrics}
  bufsize 1400
  ${loadbalance}
  cache 3600
  template IN A example.org {
    match ^many
    fallthrough
    answer ${Array.from({ length: 9 }, (_, i) => `"{{ .Name }} 300 IN A 192.0.2.${i}"`).join(' ')}
  }
  template IN A example.org {
    match ^alias
    fallthrough
    answer "{{ .Name }} 60 IN CNAME target.example.org." "target.example.org. 90 IN A 192.0.2.77"
  }
  template IN TXT example.org {
    match ^long
    fallthrough
    answer ${Array.from({ length: 5 }, () => `"{{ .Name }} 300 IN TXT ${'y'.repeat(200)}"`).join(' ')}
  }
  template IN MX example.org {
    match ^mail
    fallthrough
    answer "{{ .Name }} 300 IN MX 1 a.example.org." "{{ .Name }} 300 IN MX 2 b.example.org."
    additional "a.example.org. 300 IN A 192.0.2.1" "b.example.org. 300 IN AAAA ::1"
  }
  template IN ANY example.org {
    match ^fails
    fallthrough
    rcode SERVFAIL
  }
  template IN ANY example.org {
    match ^no
    fallthrough
    rcode NXDOMAIN
    authority "example.org. 120 IN SOA ns.example.org. root.example.org. 1 2 3 4 60"
  }
  template IN ANY example.org {
    rcode NOERROR
    authority "example.org. 120 IN SOA ns.example.org. root.example.org. 1 2 3 4 60"
  }
}
`

const option = fc.record({
  code: fc.constantFrom<number>(EDNS.COOKIE, EDNS.COOKIE, EDNS.NSID, EDNS.PADDING, EDNS.TCP_KEEPALIVE, EDNS.SUBNET, 65_001),
  data: fc.constantFrom(new Uint8Array(0), new Uint8Array(8).fill(7)),
}).map((one) => (one.code === EDNS.SUBNET ? { code: one.code, data: Uint8Array.of(0, 1, 24, 0, 10, 1, 2) } : one.code === EDNS.TCP_KEEPALIVE ? { code: one.code, data: new Uint8Array(0) } : one))
export const mixedQuery = fc.record({
  name: fc.tuple(fc.constantFrom('many', 'alias', 'long', 'mail', 'fails', 'no', 'other'), fc.nat(1), fc.constantFrom('.example.org.', '.sub.example.org.', '.elsewhere.'))
    .map(([kind, number, zone]) => `${kind}${number}${zone}`),
  upper: fc.boolean(),
  type: fc.constantFrom(1, 1, 1, 28, 15, 16, 43, 255),
  rd: fc.boolean(), ad: fc.boolean(), cd: fc.constantFrom(false, false, true),
  edns: fc.option(fc.record({
    udpSize: fc.constantFrom(0, 512, 700, 1232, 4096), do: fc.boolean(), version: fc.constantFrom(0, 0, 0, 0, 1), z: fc.constantFrom(0, 0, 0, 1),
    options: fc.array(option, { maxLength: 2 }),
  }), { nil: undefined }),
})
export type Asked = typeof mixedQuery extends fc.Arbitrary<infer T> ? T : never

export function encodeAsked(asked: Asked, id: number): Uint8Array {
  const { name, upper, type, rd, ad, cd, edns } = asked
  return encodeMessage(Object.assign(new Message(), { id, rd, ad, cd, edns, questions: [{ name: upper ? name.toUpperCase() : name, type, class: 1 }] }))
}
