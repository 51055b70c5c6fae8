import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DONE, type Plugin } from '../../core/plugin.ts'
import { lines, scripted, testServer, type AskOptions } from '../../../test/support/world.ts'
import { CLASS, TYPE } from '../../wire/codes.ts'
import { txtRdata } from '../../wire/rdata.ts'
import { metadataPlugin } from '../metadata/index.ts'
import { viewPlugin } from './index.ts'

/** Says which block answered: `whoami WORD`. */
const signed: Plugin = {
  name: 'whoami',
  parse: (directive, context) => scripted((q) => {
    q.begin().answers = [{ name: q.question.name, type: TYPE.TXT, class: CLASS.IN, ttl: 0, rdata: txtRdata([directive.lines[0]!.args[0]!.text]) }]
    return DONE
  }).parse(directive, context),
}
const plugins = [metadataPlugin, signed, viewPlugin]

async function whoAnswers(corefile: string, question: string, options: AskOptions = {}): Promise<string | undefined> {
  const server = await testServer(corefile, { plugins })
  return lines((await server.ask(question, options))!.answers)[0]?.split('"')[1]
}

/** One block with a view before one without. */
const filtered = (expression: string, more = '') => `. {\n${more}\nview v {\nexpr ${expression}\n}\nwhoami yes\n}\n. {\nwhoami no\n}`

test('what expressions can ask of a query', async () => {
  const truths = [
    'name() == \'www.example.\'', 'type() == \'AAAA\'', 'class() == \'IN\'', 'proto() == \'tcp\'', 'client_ip() == \'2001:db8::1\'', 'port() == \'4000\'', 'id() == 4711', 'opcode() == 0',
    'do()', 'bufsize() == 65535', 'size() == 40', 'server_ip() == \'10.0.0.53\'', 'server_port() == \'53\'', 'incidr(client_ip(), \'2001:db8::/32\')', 'metadata(\'view/name\') == \'v\'', 'metadata(\'no/label\') == \'\'',
  ]
  for (const truth of truths) {
    const options: AskOptions = { client: '2001:db8::1', port: 4000, protocol: 'tcp', edns: { do: true } }
    assert.equal(await whoAnswers(filtered(truth, 'metadata'), 'WWW.example. AAAA', options), 'yes', truth)
    assert.equal(await whoAnswers(filtered(`not (${truth})`, 'metadata'), 'WWW.example. AAAA', options), 'no', truth)
  }
})

test('what cannot be worked out does not hold', async () => {
  for (const expression of ['1', '\'true\'', 'incidr(\'x\', \'10.0.0.0/8\')', 'split(name(), \'.\')[9] == \'a\'']) assert.equal(await whoAnswers(filtered(expression), 'a. A'), 'no', expression)
})

test('without metadata there are no labels', async () => {
  assert.equal(await whoAnswers(filtered('metadata(\'view/name\') == \'v\''), 'a. A'), 'no')
})

test('DS goes to the shortest zone, and there to the last block that accepts', async () => {
  const corefile = 'sub.example {\nwhoami sub\n}\nexample {\nview a {\nexpr true\n}\nwhoami first\n}\nexample {\nview b {\nexpr type() == \'DS\'\n}\nwhoami last\n}\n'
  assert.deepEqual(await Promise.all(['x.sub.example. DS', 'x.sub.example. A', 'example. DS', 'example. A'].map((question) => whoAnswers(corefile, question))), ['last', 'sub', 'last', 'first'])
})

test('names that no query has are refused with their place', async () => {
  for (const expression of ['nope()', 'client_ip() == TXT', 'constructor()', 'name(']) {
    await assert.rejects(testServer(filtered(expression), { plugins }), /^ConfigError: Corefile:4:6: view: expr: not an expression/, expression)
  }
})
