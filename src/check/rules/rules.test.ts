import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { findings } from '../../../test/support/check.ts'
import { RULES } from './index.ts'

interface Case {
  readonly code: string
  /** What must be warned of, as `LINE:COLUMN WORDS OF THE MESSAGE`; nothing for a Corefile that is well. */
  readonly warns: readonly string[]
  readonly corefile: string
}

const CASES: readonly Case[] = [
  { code: 'bind-differs', warns: ['5:2 this block listens on 10.0.0.1, the others of port 53 on 10.0.0.1 10.0.0.2'], corefile: 'a.:53 {\n bind 10.0.0.1 10.0.0.2\n}\nb.:53 {\n bind 10.0.0.1\n}\nc.:53 {\n bind 10.0.0.2 10.0.0.1\n}' },
  { code: 'bind-differs', warns: ['4:1 this block listens on every address'], corefile: 'a.:53 {\n bind 10.0.0.1\n}\nb.:53 {\n}' },
  { code: 'bind-differs', warns: [], corefile: 'a.:53 {\n bind 10.0.0.1\n}\nb.:54 {\n bind 10.0.0.2\n}' },
  { code: 'cache-hides-client', warns: ['3:2 whoami answers each client differently'], corefile: '. {\n cache 30\n whoami\n}' },
  { code: 'cache-hides-client', warns: ['4:3 template answers each client differently'], corefile: '. {\n cache 30\n template IN A {\n  answer "{{ .Name }} 5 IN TXT {{ .Remote }}"\n }\n}' },
  { code: 'cache-hides-client', warns: [], corefile: '. {\n cache 30\n template IN A {\n  answer "{{ .Name }} 5 IN A 10.0.0.1"\n }\n}' },
  { code: 'cache-hides-client', warns: [], corefile: '. {\n whoami\n}' },
  { code: 'denial-ttl', warns: ['2:2 denials are kept up to 1800 s'], corefile: '. {\n cache\n}' },
  { code: 'denial-ttl', warns: ['3:3 denials are kept up to 60 s'], corefile: '. {\n cache 30 {\n  denial 9984 60\n }\n}' },
  { code: 'denial-ttl', warns: [], corefile: '. {\n cache 30\n}\na. {\n cache {\n  denial 9984 5\n }\n}' },
  { code: 'force-tcp-refused', warns: ['3:3 force_tcp to 10.0.2.3'], corefile: '. {\n forward . 10.0.2.3 {\n  force_tcp\n }\n}' },
  { code: 'force-tcp-refused', warns: ['3:3 force_tcp to the servers of /etc/resolv.conf'], corefile: '. {\n forward . /etc/resolv.conf {\n  force_tcp\n }\n}' },
  { code: 'force-tcp-refused', warns: [], corefile: '. {\n forward . 10.96.0.11 {\n  force_tcp\n }\n forward a. 10.0.2.3\n}' },
  { code: 'forward-loop', warns: ['2:12 forward to 127.0.0.1 leads back'], corefile: '.:53 {\n forward . 127.0.0.1\n}' },
  { code: 'forward-loop', warns: ['3:12 forward to 10.0.0.1:1053 leads back'], corefile: '.:1053 {\n bind 10.0.0.1\n forward . 10.0.0.1:1053\n}' },
  { code: 'forward-loop', warns: ['3:12 forward to 10.0.0.1 leads back', '7:12 forward to 10.0.0.1 leads back'], corefile: 'a.example:53 {\n bind 10.0.0.1\n forward . 10.0.0.1\n}\n.:53 {\n bind 10.0.0.1\n forward . 10.0.0.1\n}' },
  { code: 'forward-loop', warns: [], corefile: '.:53 {\n forward . 127.0.0.1:5353\n}\n.:5353 {\n forward . 9.9.9.9\n}' },
  { code: 'forward-loop', warns: ['2:12 forward to 127.0.0.1:5353 leads back', '5:12 forward to 127.0.0.1:53 leads back'], corefile: '.:53 {\n forward . 127.0.0.1:5353\n}\n.:5353 {\n forward . 127.0.0.1:53\n}' },
  { code: 'forward-loop', warns: [], corefile: '.:53 {\n bind 10.0.0.1\n forward . 127.0.0.1 10.0.0.1:54 tls://10.0.0.1\n}' },
  { code: 'interface-unknown', warns: ['2:7 no interface of this machine has the name eth9'], corefile: '. {\n bind eth9 lo 10.0.0.1 fe80::1%eth7\n}' },
  { code: 'log-words', warns: ['2:6 log sample is a log of the names'], corefile: '. {\n log sample 10\n}' },
  { code: 'log-words', warns: [], corefile: '. {\n log . {\n  slow 100ms\n }\n}\na. {\n log slow 100ms\n log errors\n}\nb. {\n log example.org\n}' },
  { code: 'missing-health', warns: ['1:1 no block has health'], corefile: '. {\n}\na. {\n}' },
  { code: 'missing-health', warns: [], corefile: '. {\n}\na. {\n health\n}' },
  { code: 'missing-loop', warns: ['2:2 forward to /etc/resolv.conf without loop'], corefile: '. {\n forward . /etc/resolv.conf\n}' },
  { code: 'missing-loop', warns: [], corefile: '. {\n forward . 9.9.9.9\n}\na. {\n loop\n forward . /etc/resolv.conf\n}' },
  { code: 'missing-ready', warns: ['2:2 kubernetes without ready'], corefile: '. {\n kubernetes cluster.local\n}\na. {\n ready\n}' },
  { code: 'missing-ready', warns: [], corefile: '. {\n kubernetes cluster.local\n ready\n}' },
  { code: 'missing-reload', warns: ['1:1 no block has reload'], corefile: '. {\n}' },
  { code: 'missing-reload', warns: [], corefile: '. {\n reload\n}' },
  { code: 'pods-verified-without-autopath', warns: ['3:3 pods verified keeps every Pod'], corefile: '. {\n kubernetes cluster.local {\n  pods verified\n }\n}' },
  { code: 'pods-verified-without-autopath', warns: [], corefile: '. {\n autopath @kubernetes\n kubernetes cluster.local {\n  pods verified\n }\n}\na. {\n kubernetes a. {\n  pods insecure\n }\n}' },
  { code: 'zone-shadowed', warns: ['2:13 kubernetes for cluster.local. is never asked: queries for it go to the block of cluster.local:53'], corefile: '.:53 {\n kubernetes cluster.local\n}\ncluster.local:53 {\n forward . 10.0.0.1\n}' },
  { code: 'zone-shadowed', warns: ['2:10 forward for b.example. is never asked: no zone of its block contains it'], corefile: 'a.example {\n forward b.example 10.0.0.1\n}' },
  { code: 'zone-shadowed', warns: [], corefile: '.:53 {\n kubernetes cluster.local in-addr.arpa\n forward . 10.0.0.1\n}\ncluster.local:54 {\n forward . 10.0.0.1\n}\nexample:53 {\n forward . 10.0.0.1\n}' },
  { code: 'zone-unanswered', warns: ['1:1 nothing in the block of a. answers'], corefile: 'a. {\n cache 30\n}' },
  { code: 'zone-unanswered', warns: ['1:1 the cluster\'s zone cluster.local. has neither kubernetes nor forward'], corefile: 'cluster.local {\n hosts\n}' },
  { code: 'zone-unanswered', warns: [], corefile: 'cluster.local {\n forward . 10.0.0.1\n}\n. {\n whoami\n}' },
]

describe('rules of check', () => {
  for (const { code, warns, corefile } of CASES) {
    test(`${code}: ${corefile.replaceAll(/\s+/g, ' ')}`, () => {
      const found = findings(corefile)
      assert.deepEqual(found.filter((finding) => finding.severity === 'error'), [])
      const ours = found.filter((finding) => finding.code === code)
      assert.equal(ours.length, warns.length, JSON.stringify(ours))
      ours.forEach(({ line, column, message, remedy }, i) => {
        assert.ok(`${line}:${column} ${message}`.startsWith(warns[i]!), `${line}:${column} ${message}`)
        assert.notEqual(remedy, '')
      })
    })
  }

  test('every rule has a case that warns', () => {
    const tried = new Set(CASES.filter((each) => each.warns.length > 0).map((each) => each.code))
    assert.deepEqual(RULES.map((rule) => rule.code).filter((code) => !tried.has(code)), [])
  })
})
