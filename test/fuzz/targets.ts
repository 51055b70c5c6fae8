/**
 * Fuzz targets: each takes any octets and may only end in ways that its parser documents. Run by fuzz.test.ts over bounded
 * mutations of the seeds, and without bound by hack/fuzz.sh.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { properTarget, splitHostPort } from '../../src/admin/http.ts'
import { readConfigMaps } from '../../src/check/config-map.ts'
import { decodeReply, ReplyError } from '../../src/client/packet.ts'
import { formatJson, formatReply, formatShort } from '../../src/client/reply-text.ts'
import { readWebConfig } from '../../src/core/web-config.ts'
import { findings } from '../support/check.ts'
import { assemble } from '../../src/cluster/source/assemble.ts'
import { parseManifests } from '../../src/cluster/source/manifest-file.ts'
import { decodeObject, ObjectError } from '../../src/cluster/decode.ts'
import { ProtobufError } from '../../src/cluster/source/protobuf.ts'
import { ClusterIndex } from '../../src/cluster/index.ts'
import type { ClusterObject } from '../../src/cluster/objects.ts'
import { RecordReader } from '../../src/cluster/packed/reader.ts'
import { readObject, writeObject } from '../../src/cluster/packed/record.ts'
import { RecordWriter } from '../../src/cluster/packed/writer.ts'
import { decodeSnapshot, encodeSnapshot, sha256 } from '../../src/cluster/snapshot/format.ts'
import { FakeClock } from '../../src/base/fake-clock.ts'
import { decodeList, decodeStatus, decodeWatchEvent } from '../../src/cluster/source/protobuf-objects.ts'
import { encodeEvent, encodeList } from '../support/api-server/protobuf.ts'
import { parseSelector } from '../../src/cluster/selector.ts'
import { parseDuration } from '../../src/base/duration.ts'
import { formatIp, parseIp, parsePrefix } from '../../src/base/ip.ts'
import { QuickQuestion } from '../../src/core/quick-question.ts'
import { ExpressionError, parseExpression } from '../../src/core/expression.ts'
import { Query, type Arrival } from '../../src/core/query.ts'
import { parseQueryExpression, queryScope } from '../../src/core/query-scope.ts'
import { ConfigError } from '../../src/corefile/error.ts'
import { parseCorefile } from '../../src/corefile/parser.ts'
import { compileGoRegexp } from '../../src/corefile/regexp.ts'
import { readAttributes } from '../../src/netlink/attributes.ts'
import { readChain, readElements, readGeneration, readRule, readTableName } from '../../src/netlink/nft-messages.ts'
import { parseTarget as parseFallback } from '../../src/node/fallback-targets.ts'
import { parseKubeDns } from '../../src/node/kube-dns-config.ts'
import { HostsTable } from '../../src/plugins/hosts/table.ts'
import { PLUGINS, pluginTable } from '../../src/plugins/index.ts'
import { parseWeights } from '../../src/plugins/loadbalance/weights.ts'
import { compileFormat } from '../../src/plugins/log/format.ts'
import { TEMPLATE_FUNCTIONS } from '../../src/plugins/template/functions.ts'
import { parseTemplate, TemplateError } from '../../src/plugins/template/go-template.ts'
import { acceptPacket } from '../../src/server/accept.ts'
import { readQuota } from '../../src/server/cpu-quota.ts'
import { queryParameter, splitTarget } from '../../src/server/doh.ts'
import { parseBytes, readLimit } from '../../src/server/memory-budget.ts'
import { parseTarget } from '../../src/upstream/address.ts'
import { CookieJar } from '../../src/upstream/cookies.ts'
import { readReply } from '../../src/upstream/reply.ts'
import { makeRequest, matchReply } from '../../src/upstream/request.ts'
import { parseResolvConf } from '../../src/upstream/resolv-conf.ts'
import { decodeMessage } from '../../src/wire/decode.ts'
import { encodeMessage, fitReply, messageLength } from '../../src/wire/encode.ts'
import { Expansion } from '../../src/wire/expansion.ts'
import { FrameReader } from '../../src/wire/frames.ts'
import { Message, WireError } from '../../src/wire/message.ts'
import { lowerName, nameToWire, parseName, readName } from '../../src/wire/name.ts'
import { formatRecord, parseRecord, RecordError } from '../../src/wire/record.ts'

export interface Target {
  readonly name: string
  /** Good inputs, to begin from. */
  readonly seeds: readonly (string | Uint8Array)[]
  /** Throws when the parser misbehaves. */
  run(bytes: Uint8Array): void
}

const RECORDS = [
  'a.example. 60 IN A 192.0.2.1', 'a.example. 60 IN AAAA 2001:db8::1', 'a.example. 60 IN SOA ns.example. host.example. 1 7200 1800 86400 60', 'a.example. 60 IN TXT "one" "two \\"\\010"',
  'a.example. 60 IN NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .', 'a.example. 60 IN SVCB 1 svc.example. alpn="h2,h3" port="8443" ipv4hint="192.0.2.1"', 'a.example. 60 IN NSEC b.example. A MX TYPE1234',
  'a.example. 60 IN RRSIG A 8 2 3600 20300101000000 20200101000000 12345 example. c2ln', 'a.example. 60 IN CAA 0 issue "ca.example"', 'a.example. 60 IN TYPE65280 \\# 3 010203', 'a.example. 60 IN SRV 1 2 443 b.example.',
]

function packets(): Uint8Array[] {
  const message = new Message()
  message.questions = [{ name: 'a.example.', type: 1, class: 1 }]
  message.edns = { udpSize: 1232, version: 0, do: true, z: 0, options: [{ code: 10, data: new Uint8Array(8) }] }
  const query = encodeMessage(message)
  message.qr = true
  message.answers = RECORDS.map((text) => parseRecord(text))
  return [query, encodeMessage(message)]
}

const expansion = new Expansion()

/** Replies that are expanded without the decoder, compressed and plain. */
function commonReplies(): Uint8Array[] {
  const records = ['a.example. 60 IN CNAME b.example.', 'b.example. 60 IN A 192.0.2.1', 'example. 60 IN SOA ns.example. host.example. 1 7200 1800 86400 60', 'b.example. 60 IN MX 1 a.example.', 'b.example. 60 IN SRV 1 2 443 a.example.', 'b.example. 60 IN TXT "one" "two"']
  const message = Object.assign(new Message(), { qr: true, questions: [{ name: 'a.example.', type: 1, class: 1 }], answers: records.map((text) => parseRecord(text)), edns: { udpSize: 1232, version: 0, do: true, z: 0, options: [] } })
  return [encodeMessage(message), encodeMessage(message, { compress: true })]
}

function apiMessages(): Uint8Array[] {
  const metadata = { name: 'cart', namespace: 'shop', resourceVersion: '7', labels: { 'kubernetes.io/service-name': 'cart' } }
  const service = { kind: 'Service', metadata, spec: { clusterIP: '10.96.0.1', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], selector: { app: 'cart' } } }
  const slice = { kind: 'EndpointSlice', metadata, endpoints: [{ addresses: ['10.1.0.5'], conditions: { ready: true }, zone: 'a' }], ports: [{ port: 8080 }] }
  return [encodeEvent('ADDED', service).subarray(4), encodeEvent('MODIFIED', slice).subarray(4), encodeList('EndpointSlice', { resourceVersion: '7', continue: 'x' }, [slice, slice]), encodeEvent('ERROR', { kind: 'Status', code: 410, message: 'gone' }).subarray(4)]
}

function snapshot(): Uint8Array {
  const index = new ClusterIndex(new FakeClock())
  index.put({ kind: 'Namespace', name: 'shop' })
  index.put({ kind: 'Service', namespace: 'shop', name: 'Cart', type: 'ClusterIP', clusterIps: ['10.96.0.1', 'fd00::1'], externalName: '', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], externalIps: ['lb.example'], hasSelector: true })
  index.put({ kind: 'EndpointSlice', namespace: 'shop', name: 's', service: 'cart', addresses: [{ text: '10.1.0.1', hostname: 'a', targetName: 'b', zone: 'z' }], ports: [{ name: '', port: -1, protocol: '' }], triggeredMs: undefined })
  index.put({ kind: 'Pod', namespace: 'shop', name: 'p', ip: '10.1.0.1', labels: { app: 'cart' }, deleting: false })
  index.put({ kind: 'ServiceImport', namespace: 'shop', name: 'cart', headless: false, ips: ['10.112.0.1'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] })
  index.put({ kind: 'ImportedSlice', namespace: 'shop', name: 's', service: 'cart', cluster: 'east', addresses: [{ text: 'fd00::2', hostname: '', targetName: '', zone: '' }], ports: [{ name: '', port: -1, protocol: '' }], triggeredMs: undefined })
  return Buffer.concat([...encodeSnapshot(index, 'fuzz', 1)])
}

const KINDS = ['Service', 'EndpointSlice', 'Namespace', 'Pod', 'ServiceImport', 'ImportedSlice'] as const
const POD_LABELS = ['app']

/** One object of each kind as the API server writes it. */
const JSON_OBJECTS = [
  { metadata: { name: 'cart', namespace: 'shop' }, spec: { clusterIP: '10.96.0.1', clusterIPs: ['10.96.0.1', 'fd00::1'], ports: [{ name: 'http', port: 80, protocol: 'TCP' }], externalIPs: ['192.0.2.1'] }, status: { loadBalancer: { ingress: [{ hostname: 'lb.example' }] } } },
  { metadata: { name: 's', namespace: 'shop', labels: { 'multicluster.kubernetes.io/service-name': 'cart', 'multicluster.kubernetes.io/source-cluster': 'east' } }, endpoints: [{ addresses: ['10.1.0.5'], conditions: { ready: true }, hostname: 'a', zone: 'z', targetRef: { name: 'p' } }], ports: [{ port: null }] },
  { metadata: { name: 'cart', namespace: 'shop' }, spec: { type: 'Headless', ips: ['10.112.0.1'], ports: [{ port: 80 }] } },
  { metadata: { name: 'p', namespace: 'shop', labels: { app: 'cart' }, deletionTimestamp: null }, status: { podIP: '10.1.0.5' } },
]

/** Whatever is decoded comes out of the index as it went in, but for what is not kept. */
function staysItself(object: ClusterObject | undefined): void {
  if (object === undefined) return
  const writer = new RecordWriter()
  writeObject(object, writer)
  const packed = Buffer.from(writer.bytes.subarray(0, writer.at))
  assert.deepEqual(kept(readObject(object.kind, new RecordReader().begin(packed, 0))), kept(object))
}

function kept(object: ClusterObject): object {
  return { ...object, triggeredMs: undefined, deleting: undefined }
}

/** Every text of a directive that CoreDNS starts with. */
function directives(): string[] {
  const recorded = JSON.parse(readFileSync(new URL('../conformance/directives.json', import.meta.url), 'utf8')) as { directives: Readonly<Record<string, { starts: readonly string[] }>> }
  return Object.values(recorded.directives).flatMap(({ starts }) => starts)
}

const peer = { address: '192.0.2.1', port: 40_000, family: 1 } as const
const asked = new Query(Object.assign(new Message(), { questions: [{ name: 'www.example.org.', type: 28, class: 1 }] }), { client: peer, local: peer, protocol: 'udp', server: { label: 'dns://:53' }, sizeBytes: 33, startMs: 0 } as unknown as Arrival)

export const TARGETS: readonly Target[] = [
  {
    name: 'message', seeds: packets(),
    run(bytes) {
      acceptPacket(bytes)
      readQuickly(bytes)
      const message = attempt(() => decodeMessage(bytes), WireError)
      if (message === undefined) return
      const again = decodeMessage(encodeMessage(message))
      assert.deepEqual({ ...again }, { ...message })
      assert.ok(messageLength(message) >= 12)
      const fitted = decodeMessage(fitReply(message, { limit: 512, udp: true, family: 1 }))
      assert.ok(fitted.answers.length <= message.answers.length)
    },
  },
  {
    name: 'frames', seeds: packets().map((packet) => Buffer.concat([Buffer.of(0, packet.length), packet])),
    run(bytes) {
      const [whole, pieces] = [new FrameReader(), new FrameReader()]
      whole.push(bytes)
      for (const byte of bytes) pieces.push(Uint8Array.of(byte))
      for (let frame = whole.next(); frame !== undefined; frame = whole.next()) assert.deepEqual(Buffer.from(pieces.next()!), Buffer.from(frame))
      assert.equal(pieces.next(), undefined)
    },
  },
  {
    name: 'replies of upstreams', seeds: packets().map((packet) => {
      const reply = Uint8Array.from(packet)
      reply[2]! |= 0x80
      return reply
    }),
    run(bytes) {
      const question = new Message()
      question.questions = [{ name: 'a.example.', type: 1, class: 1 }]
      const request = makeRequest(question)
      const jar = new CookieJar({ float: () => 0.5, int: () => 1 })
      jar.learn(bytes, 'tcp')
      const dressed = jar.dress(request)
      assert.equal(decodeMessage(dressed.packet).edns!.options.length, 1)
      assert.equal(typeof dressed.proves!(bytes), 'boolean')
      // What is taken for a reply to the question has that question, if it can be read at all.
      const reply = readReply(bytes, 'udp', 4096)
      if (matchReply(request, bytes) !== 'no' && reply !== undefined) assert.equal(lowerName(reply.questions[0]!.name), 'a.example.')
    },
  },
  {
    name: 'records in full', seeds: commonReplies(),
    run(bytes) {
      if (!expansion.read(bytes)) return
      // What is taken is what the decoder takes, and comes out as it would from there.
      const message = decodeMessage(bytes)
      assert.equal(message.edns !== undefined, expansion.edns)
      message.edns = undefined
      assert.deepEqual(Buffer.from(expansion.octets.subarray(0, expansion.length)), Buffer.from(encodeMessage(message).subarray(expansion.questionEnd)))
    },
  },
  {
    name: 'API server in protobuf', seeds: apiMessages(),
    run(bytes) {
      const buffer = Buffer.from(bytes)
      attempt(() => decodeStatus(buffer), ProtobufError)
      for (const kind of KINDS) {
        const event = attempt(() => decodeWatchEvent(kind, buffer, POD_LABELS), ProtobufError)
        if (event !== undefined) attempt(() => decodeObject(kind, event.object, POD_LABELS), ObjectError)
        for (const item of (attempt(() => decodeList(kind, buffer, POD_LABELS), ProtobufError)?.items ?? []) as readonly unknown[]) attempt(() => decodeObject(kind, item, POD_LABELS), ObjectError)
      }
    },
  },
  {
    name: 'API server in JSON', seeds: JSON_OBJECTS.map((object) => JSON.stringify(object)),
    run(bytes) {
      const json: unknown = attempt(() => JSON.parse(text(bytes)) as unknown, SyntaxError)
      if (json === undefined) return
      for (const kind of KINDS) staysItself(attempt(() => decodeObject(kind, json, POD_LABELS), ObjectError))
    },
  },
  {
    name: 'snapshot', seeds: [snapshot()],
    run(bytes) {
      // Its checksum is made to fit: everything behind it has to stand on its own.
      const body = Buffer.from(bytes)
      decodeSnapshot(Buffer.concat([body, sha256(body)]), 'fuzz')
    },
  },
  {
    name: 'name', seeds: ['www.example.org.', 'a\\.b.example.', '\\000\\255.', '.'],
    run(bytes) {
      const name = parseName(text(bytes))
      if (name !== undefined) assert.deepEqual(nameToWire(readName(nameToWire(name), 0).name), nameToWire(name))
      attempt(() => readName(bytes, 0), WireError)
    },
  },
  {
    name: 'record', seeds: RECORDS,
    run(bytes) {
      const record = attempt(() => parseRecord(text(bytes)), RecordError)
      if (record !== undefined) assert.deepEqual(parseRecord(formatRecord(record)), record)
    },
  },
  {
    name: 'Corefile', seeds: ['.:53 {\n    errors\n    health { lameduck 5s }\n    kubernetes cluster.local in-addr.arpa {\n        objects /none\n        pods verified\n    }\n    forward . 192.0.2.1 tls://192.0.2.2%a {\n        policy sequential\n    }\n    cache 30 {\n        success 100 5 1\n        serve_stale 1h verify 1s\n    }\n    rewrite name regex (.*)\\.a {1}.b answer auto\n    template IN A {\n        match "^a(.)"\n        answer "{{ .Name }} 60 IN A 192.0.2.{{ .Group.1 }}"\n    }\n}\n', '(a) {\nlog\n}\n10.0.0.0/9, example.org {\nimport a\n}\n'],
    run(bytes) {
      const table = pluginTable(PLUGINS)
      attempt(() => {
        const blocks = parseCorefile(text(bytes), {
          file: 'Corefile', defaultPort: 53, env: () => 'value', directives: [...table.keys()],
          files: { read: () => 'log\n', glob: (pattern) => [pattern], isDirectory: () => false, resolve: (_base, path) => path },
        }).blocks()
        for (const block of blocks) for (const directive of block.directives) table.get(directive.name)!.parse(directive, { zones: block.keys.map((key) => key.zone), keys: block.keys, directives: block.directives })
      }, ConfigError)
    },
  },
  {
    name: 'options of directives', seeds: directives(),
    run(bytes) {
      const table = pluginTable(PLUGINS)
      attempt(() => {
        const blocks = parseCorefile(`a.org {\n${text(bytes)}\n}\n`, {
          file: 'Corefile', defaultPort: 53, env: () => undefined, directives: [...table.keys()],
          files: { read: () => 'log\n', glob: () => [], isDirectory: () => false, resolve: (_base, path) => path },
        }).blocks()
        for (const block of blocks) for (const directive of block.directives) table.get(directive.name)!.parse(directive, { zones: block.keys.map((key) => key.zone), keys: block.keys, directives: block.directives })
      }, ConfigError)
    },
  },
  { name: 'regular expression', seeds: ['^(?P<a>[[:alpha:]]+)-(\\d{1,3})\\.example\\.$', '(?i)a|b*?'], run(bytes) { attempt(() => compileGoRegexp(text(bytes)), Error)?.test('www.example.org.') } },
  {
    name: 'template', seeds: ['{{ .Name }} 60 IN A {{ index .Match 1 }}', '{{ if eq .A "b" }}x{{ else }}{{ range $i, $x := .List }}{{ $i }}{{ end }}{{ end }}', '{{- printf "%03d|%s" (len .List) .A | print -}}'],
    run(bytes) { attempt(() => parseTemplate(text(bytes), TEMPLATE_FUNCTIONS).execute({ Name: 'a.', A: 'b', List: ['x', 'y'], Match: ['a', 'b'] }), TemplateError) },
  },
  {
    name: 'expression', seeds: ["name() matches '^a' && type() in ['A', 'AAAA'] ? 1 + 2 * 3 : incidr(client_ip(), '10.0.0.0/8')", 'not (a ?? "b") contains upper("x")[0:1]'],
    run(bytes) { attempt(() => parseExpression(text(bytes)).evaluate({ name: () => 'a.', type: () => 'A', client_ip: () => '10.0.0.1', incidr: () => true, a: undefined }), ExpressionError) },
  },
  {
    name: 'expression about a query', seeds: ["name() endsWith 'org.' && incidr(client_ip(), '192.0.2.0/24') || bufsize() > 512 and not do()", "metadata('a/b') == '' ? size() : int(port())", "type() in ['A', 'AAAA'] && proto() != 'tcp'"],
    run(bytes) { attempt(() => parseQueryExpression(text(bytes)).evaluate(queryScope(asked)), ExpressionError) },
  },
  {
    name: 'manifests', seeds: ['apiVersion: multicluster.x-k8s.io/v1alpha1\nkind: ServiceImport\nmetadata: { name: a, namespace: b }\nspec: { type: ClusterSetIP, ips: [10.112.0.1], ports: [{ port: 80 }] }\n---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: { name: s, labels: { multicluster.kubernetes.io/service-name: a } }\nendpoints: [{ addresses: [10.0.0.1] }]\n', 'apiVersion: v1\nkind: Service\nmetadata: { name: a, namespace: b }\nspec:\n  selector: { app: a }\n  ports:\n  - { name: http, port: 80, targetPort: web }\n---\nkind: Pod\nmetadata: { name: p, labels: { app: a } }\nspec: { containers: [{ ports: [{ name: web, containerPort: 8080 }] }] }\nstatus: { podIP: 10.0.0.1 }\n'],
    run(bytes) {
      // The package throws its own errors for YAML that cannot be; the source reports them with the file's name.
      const parsed = attempt(() => parseManifests(text(bytes), 'f'), Error)
      if (parsed !== undefined) assemble(parsed.objects, { kinds: KINDS, podLabels: POD_LABELS, labels: undefined, namespaceLabels: undefined }, () => {})
    },
  },
  { name: 'label selector', seeds: ['a=b,c!=d,e in (f,g),!h,i notin (j)'], run(bytes) { attempt(() => parseSelector(text(bytes)), Error)?.matches({ a: 'b' }) } },
  { name: 'hosts file', seeds: ['192.0.2.1 a b # c\n::1 *.d\nfe80::1%eth0 e\n'], run(bytes) { void new HostsTable(text(bytes).split('\n'), ['.'], true).size } },
  { name: 'weights', seeds: ['www.example.org\n192.0.2.1 3\n# no\n192.0.2.2 1\n'], run(bytes) { attempt(() => parseWeights(text(bytes), 'f'), Error) } },
  { name: 'resolv.conf', seeds: ['nameserver 192.0.2.1\nnameserver fe80::1%eth0\nsearch a b\noptions ndots:5\n'], run(bytes) { parseResolvConf(text(bytes)) } },
  { name: 'log format', seeds: ['{remote} {>id} {/a/b} {common} { {name} }'], run(bytes) { compileFormat(text(bytes)) } },
  {
    name: 'kube-dns ConfigMap', seeds: ['{"acme.local": ["1.2.3.4", "[::1]:53"]}', '["8.8.8.8"]'],
    run(bytes) { for (const key of ['stubDomains', 'upstreamNameservers']) attempt(() => parseKubeDns(new Map([[key, text(bytes)]])), Error) },
  },
  { name: 'nftables messages', seeds: [Buffer.from('000000000800010000000000060002006300000010000400040001000800020000000001', 'hex'), Buffer.from('00000000140003800800018008000180080001000a000001', 'hex')], run(bytes) { for (const read of [readRule, readChain, readElements, readTableName, readGeneration]) read({ type: 0, flags: 0, body: Buffer.from(bytes) }) } },
  { name: 'netlink attributes', seeds: [Uint8Array.of(8, 0, 1, 0, 1, 2, 3, 4, 5, 0, 2, 0, 65, 0, 0, 0)], run(bytes) { for (const each of readAttributes(Buffer.from(bytes))) assert.ok(each.value.length <= bytes.length) } },
  {
    name: 'addresses and durations', seeds: ['2001:db8::1/64', '::ffff:192.0.2.1', '1h2m3.5s', '-5ms'],
    run(bytes) {
      const ip = parseIp(text(bytes))
      if (ip !== undefined) assert.deepEqual(parseIp(formatIp(ip))?.length === 4 && ip.length === 16 ? ip.subarray(12) : parseIp(formatIp(ip)), parseIp(formatIp(ip)))
      parsePrefix(text(bytes))
      const ms = parseDuration(text(bytes))
      assert.ok(ms === undefined || Number.isFinite(ms))
    },
  },
  {
    name: 'small texts', seeds: ['256Mi', '100000 50000', 'max', '192.0.2.1:53', '[fd00::1]:53', 'tls://192.0.2.1%dns.example:853', 'dns://[fe80::1%eth0]:53', ':9153'],
    run(bytes) {
      const input = text(bytes)
      for (const number of [parseBytes(input) ?? 1, readLimit(input), readQuota(input)]) assert.ok(number > 0)
      parseFallback(input)
      attempt(() => parseTarget(input), Error)
      const listen = attempt(() => splitHostPort(input), Error)
      if (listen !== undefined) assert.ok(listen.port >= 0 && listen.port <= 65_535)
    },
  },
  {
    name: 'targets of HTTP requests', seeds: ['/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA29yZwAAAQAB', '/a//b/../c?x=1', '//health', '/metrics'],
    run(bytes) {
      const target = text(bytes)
      const packet = queryParameter(splitTarget(target).parameters)
      if (packet !== undefined) acceptPacket(packet)
      const proper = properTarget(target)
      if (proper === undefined) return
      // Nothing but a path of this server, with nothing more to put right.
      assert.match(proper, /^\/(?!\/)[\x21-\x7e]*$/)
      assert.equal(properTarget(proper), undefined)
    },
  },
  {
    name: 'a reply to query', seeds: packets(),
    run(bytes) {
      const reply = attempt(() => decodeReply(bytes), ReplyError)
      if (reply === undefined) return
      const received = { reply, server: '127.0.0.1:53', transport: 'udp', tookMs: 1, sizeBytes: bytes.length } as const
      for (const format of [formatReply, formatShort]) assert.equal(typeof format(received), 'string')
      JSON.parse(formatJson(received))
    },
  },
  {
    name: 'check of a ConfigMap',
    seeds: ['apiVersion: v1\nkind: ConfigMap\ndata:\n  Corefile: |\n    .:53 {\n        cache x y\n        forward . 127.0.0.1\n    }\n  more: "errors"\n', 'kind: List\nitems:\n- kind: ConfigMap\n  data: { a.server: "a. {\\n bind eth9\\n}" }\n'],
    run(bytes) {
      const { sources, errors } = readConfigMaps('cm.yaml', text(bytes))
      for (const finding of [...errors, ...sources.flatMap((source) => findings(source))]) {
        assert.ok(finding.line >= 1 && finding.column >= 1 && finding.message !== '' && finding.remedy !== '', JSON.stringify(finding))
      }
    },
  },
  {
    name: 'web configuration of metrics',
    seeds: ['tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n'],
    run(bytes) {
      attempt(() => readWebConfig('/web.yaml', () => bytes, (why) => { throw new Refused(why) }), Refused)
    },
  },
]

class Refused extends Error {}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

/** Undefined when `work` throws what it may throw. A programming mistake is never among it. */
function attempt<T>(work: () => T, allowed: new (...args: never[]) => Error): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof allowed) || error instanceof TypeError || (error instanceof RangeError && allowed !== RangeError)) throw error
    return undefined
  }
}

/** What the quick way takes for a query, the ordinary one takes for the same. */
function readQuickly(bytes: Uint8Array): void {
  const question = new QuickQuestion()
  if (!question.read(bytes, 0, bytes.length)) return
  const accepted = acceptPacket(bytes)
  assert.equal(accepted.kind, 'query')
  if (accepted.kind !== 'query') return
  const { questions, edns, rd, ad, cd } = accepted.request
  assert.deepEqual([question.type, question.class, question.text(), question.rd, question.ad, question.cd], [questions[0]!.type, questions[0]!.class, lowerName(questions[0]!.name), rd, ad, cd])
  assert.deepEqual([question.edns, question.udpSize, question.do], [edns !== undefined, edns?.udpSize ?? 0, edns?.do ?? false])
}
