import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ConfigError } from './error.ts'
import { tokenize } from './lexer.ts'
import { parseCorefile } from './parser.ts'
import type { Corefile, Line } from './tree.ts'

interface World {
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
}

const DIRECTIVES = ['errors', 'log', 'health', 'cache', 'forward', 'whoami', 'template', 'rewrite']

function parse(text: string, world: World = {}): Corefile {
  const files = world.files ?? {}
  return parseCorefile(text, {
    file: 'Corefile',
    defaultPort: 53,
    env: (name) => world.env?.[name],
    directives: DIRECTIVES,
    files: {
      read: (path) => {
        if (files[path] === undefined) throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
        return files[path]
      },
      glob: (pattern) => Object.keys(files).filter((path) => path.startsWith(pattern.slice(0, pattern.indexOf('*')))).sort(),
      isDirectory: (path) => path === '/etc',
      resolve: (_base, path) => path,
    },
  })
}

function shape(line: Line): unknown {
  const words = [line.token.text, ...line.args.map((arg) => arg.text)]
  return line.block === undefined ? words : [words, line.block.map(shape)]
}

/** `keys: directive lines` of each block. */
function shapes(corefile: Corefile): unknown {
  return corefile.blocks().map((block) => [block.keys.map((key) => `${key.scheme}://${key.zone}:${key.port}`).join(' '), ...block.directives.flatMap((directive) => directive.lines.map(shape))])
}

function refusal(text: string, world: World = {}): string {
  try {
    parse(text, world).blocks()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message
  }
  return 'no error'
}

describe('words', () => {
  const words = (text: string) => tokenize(text, 'f').map((token) => token.text)

  test('as CoreDNS splits them', () => {
    for (const [text, expected] of [
      ['\uFEFFa b', ['a', 'b']], ['a\rb', ['ab']], ['a"b c"', ['a"b', 'c"']], ['"abc"def', ['abc', 'def']], ['"C:\\x" "say \\"hi\\""', ['C:\\x', 'say "hi"']],
      ['""', ['']], ['"open', ['open']], ['foo#bar baz', ['foo', 'baz']], ['foo # bar baz\nq', ['foo', 'q']], ['.:53{', ['.:53{']], ['whoami}', ['whoami}']], ['a\u00a0b', ['a', 'b']],
      ['a\u0085b', ['a', 'b']], ['a\uFEFFb', ['a\uFEFFb']], ['"a\\\\" b', ['a\\\\', 'b']], ['"a\\\\\\"b"', ['a\\\\"b']], ['"a\rb"', ['a\rb']], ['a#b\rc d', ['a', 'd']], ['a "', ['a']],
    ] as const) assert.deepEqual(words(text), expected, text)
  })

  test('lines and columns count from one, and past line breaks in quotes', () => {
    assert.deepEqual(tokenize('a "x\ny" b\n  c', 'f').map(({ text, line, column }) => [text, line, column]), [['a', 1, 1], ['x\ny', 1, 3], ['b', 2, 4], ['c', 3, 3]])
  })
})

describe('blocks', () => {
  test('keys: several, with commas, over lines; schemes, ports, CIDR', () => {
    assert.deepEqual(shapes(parse('example.org, EXAMPLE.net:1053,\n10.0.0.0/8 {\nwhoami\n}')), [['dns://example.org.:53 dns://example.net.:1053 dns://10.in-addr.arpa.:53', ['whoami']]])
    assert.deepEqual(shapes(parse('tls://. {\nwhoami\n}\n10.0.0.0/15:054 {\n}\n2001:db8::/32 {\n}')), [
      ['tls://.:853', ['whoami']], ['dns://0.10.in-addr.arpa.:54 dns://1.10.in-addr.arpa.:54'], ['dns://8.b.d.0.1.0.0.2.ip6.arpa.:53'],
    ])
  })

  test('directives in order of execution, uses in order of the file', () => {
    assert.deepEqual(shapes(parse('. {\nforward . 192.0.2.1\nlog a\nerrors\nlog b\n}')), [['dns://.:53', ['errors'], ['log', 'a'], ['log', 'b'], ['forward', '.', '192.0.2.1']]])
  })

  test('nested blocks, also closed at the end of a line', () => {
    const nested = [['dns://.:53', [['health'], [['lameduck', '5s']]], [['forward', '.', '/etc/resolv.conf'], [['max_concurrent', '1000']]]]]
    assert.deepEqual(shapes(parse('. {\nhealth {\nlameduck 5s\n}\nforward . /etc/resolv.conf {\nmax_concurrent 1000\n}\n}')), nested)
    assert.deepEqual(shapes(parse('. {\nhealth { lameduck 5s }\nforward . /etc/resolv.conf { max_concurrent 1000 }\n}')), nested)
    assert.deepEqual(shapes(parse('. {\nhealth {\nlameduck 5s }\nforward . /etc/resolv.conf { max_concurrent 1000\n}\n}')), nested)
  })

  test('one block may do without braces; an empty file answers whoami', () => {
    assert.deepEqual(shapes(parse('example.org\nwhoami\nlog')), [['dns://example.org.:53', ['log'], ['whoami']]])
    assert.deepEqual(shapes(parse('# nothing\n')), [['dns://.:53', ['log'], ['whoami']]])
  })
})

describe('imports', () => {
  test('snippets, files, globs; words keep their own place', () => {
    const files = { '/a.conf': 'log a\n', '/b.conf': 'errors\nlog b\n', 'blocks': 'example.net {\nimport common\n}\n' }
    assert.deepEqual(shapes(parse('(common) {\nwhoami\n}\n. {\nimport common\nimport /*.conf\n}\nimport blocks\n', { files })), [
      ['dns://.:53', ['errors'], ['log', 'a'], ['log', 'b'], ['whoami']], ['dns://example.net.:53', ['whoami']],
    ])
    assert.equal(refusal('. {\nimport /c.conf\n}', { files: { '/c.conf': 'errors\n nonsense\n' } }), "/c.conf:2:2: Unknown directive 'nonsense'")
  })

  test('inside the block of a directive', () => {
    assert.deepEqual(shapes(parse('(slow) {\nlameduck 5s\n}\n. {\nhealth {\nimport slow\n}\n}')), [['dns://.:53', [['health'], [['lameduck', '5s']]]]])
  })

  test('a glob without a match is a warning', () => {
    const parsed = parse('. {\nimport /none/*\nwhoami\n}')
    assert.deepEqual(parsed.warnings, ['No files matching import glob pattern: /none/*'])
  })

  test('what doubles itself is stopped', () => {
    const doubling = ['(s0) {\nlog\n}', ...Array.from({ length: 40 }, (_, i) => `(s${i + 1}) {\nimport s${i}\nimport s${i}\n}`), '. {\nimport s40\n}'].join('\n')
    assert.match(refusal(doubling), /maximum snippet import depth \(10000\) exceeded|imports make more than/)
  })
})

describe('the environment', () => {
  test('both forms, in keys, names and arguments; a value stays one word', () => {
    assert.deepEqual(shapes(parse('{$ZONE}:{%PORT%} {\n{$WHAT} . {$UP}{$NONE}\n}', { env: { ZONE: 'example.org', PORT: '1053', WHAT: 'forward', UP: 'a b {' } })), [['dns://example.org.:1053', ['forward', '.', 'a b {']]])
    assert.deepEqual(shapes(parse('. {\nlog {$} {%%} {%X} {$A$}\n}', { env: { 'A$': 'v' } })), [['dns://.:53', ['log', '{$}', '{%%}', '{%X}', 'v']]])
  })

  test('a value that names itself ends', () => {
    assert.match(refusal('. {\nlog {$A}\n}', { env: { A: '{$A}{$A}' } }), /Corefile:2:5: /)
  })
})

test('refusals have their place and a remedy', () => {
  for (const [text, expected] of [
    ['. {\n', "Corefile:1:3: Unexpected token '{', expecting '}': the server block opened at line 1 is not closed"], ['. {\nhealth {\n', 'Corefile:2:8: '], ['a, {\n}', "Expected another address but had '{' - check for extra comma"],
    ['. {\ncahe\n}', `Corefile:2:1: Unknown directive 'cahe'; did you mean "cache"?`],
    ['. {\n  file db.example\n}', 'Corefile:2:3: file: this directive of CoreDNS is not supported by this program; serve the zone from another server and forward to it'],
    [':53 {\n}', 'zone is not a valid domain name'], ['.: {\n}', 'expecting data after last colon: ".:"'], ['.:70000 {\n}', 'Corefile:1:1: port 70000 is above 65535'],
    [`${'a'.repeat(64)}. {\n}`, 'zone is not a valid domain name'], [`${'a.'.repeat(200)} {\n}`, 'specified zone is too long'],
    ['(a) {\n}\n(a) {\n}', 'redeclaration of previously declared snippet (a)'], ['(a) {\nimport a\n}', 'snippet (a) imports itself'],
    ['. {\nimport\n}', "Wrong argument count or unexpected line ending after 'import'"], ['. {\nimport a b\n}', 'Import takes only one argument'], ['. {\nimport ""\n}', 'Import requires a non-empty filepath'],
    ['. {\nimport /etc\n}', 'Could not import /etc: is a directory'], ['. {\nimport none\n}', 'Corefile:2:8: import: File to import not found: none'], ['. {\nimport a*b*\n}', 'Glob pattern may only contain one wildcard'],
    ['a\nwhoami\nb {\n}', "Corefile:3:1: Unknown directive 'b'"],
  ] as const) assert.ok(refusal(text).includes(expected), `${JSON.stringify(text)}: ${refusal(text)}`)
})

describe('as CoreDNS reads them', () => {
  test('keys: only a comma behind one separates, an empty word is none, an import begins a line', () => {
    assert.deepEqual(shapes(parse('a,b c, ,d\n{\n}')), [['dns://a,b.:53 dns://c.:53 dns://,d.:53']])
    assert.deepEqual(shapes(parse('{$NONE} a {\n}')), [['dns://a.:53']])
    assert.deepEqual(shapes(parse('a import b {\n}')), [['dns://a.:53 dns://import.:53 dns://b.:53']])
  })

  test('a block without keys serves nothing, with a warning', () => {
    const parsed = parse('{\nlog\n}\na {\n}')
    assert.deepEqual(shapes(parsed), [['dns://a.:53']])
    assert.deepEqual(parsed.warnings, ['Corefile:1:1: a block without a zone such as ".:53" before its "{" serves nothing'])
  })

  test('the last brace of a file may close two blocks, with a warning', () => {
    const parsed = parse('. {\nhealth {\nlameduck 5s\n}\n')
    assert.deepEqual(shapes(parsed), [['dns://.:53', [['health'], [['lameduck', '5s']]]]])
    assert.deepEqual(parsed.warnings, ['Corefile:4:1: the server block opened at line 1 is not closed'])
  })

  test('a block without braces ends at a brace; what follows is another', () => {
    assert.deepEqual(shapes(parse('a\nlog\n}\nb\nerrors')), [['dns://a.:53', ['log']], ['dns://b.:53', ['errors']]])
  })

  test('braces in quotes are braces', () => {
    assert.deepEqual(shapes(parse('. "{"\nhealth "{"\nlameduck 5s\n"}"\n"}"')), [['dns://.:53', [['health'], [['lameduck', '5s']]]]])
  })

  test('an unknown directive stands before mistakes behind it, and a syntax mistake before unknown ones', () => {
    assert.match(refusal('. {\nnonsense\nhealth {\n'), /^Corefile:2:1: Unknown directive/)
    assert.match(refusal('. {\nimport none\nnonsense\n}'), /^Corefile:2:8: import: File to import not found/)
    assert.match(refusal('""\nnonsense'), /^Corefile:2:1: Unknown directive/)
  })

  test('a snippet needs its brace and its end', () => {
    assert.match(refusal('(a)\nlog\n'), /^Corefile:2:1: Unexpected token 'log', expecting '{'/)
    assert.match(refusal('(a) {\nlog\n'), /^Corefile:2:1: Unexpected EOF: snippet \(a\) of line 1 is not closed/)
  })
})

test('the hash is of words and lines: comments do not count, line breaks do', () => {
  const hash = (text: string, world?: World) => parse(text, world).hash
  assert.equal(hash('. {\nwhoami\n}'), hash('.  {  # comment\n whoami # more\n}\n\n'))
  assert.notEqual(hash('. {\nwhoami\n}'), hash('. {\n\nwhoami\n}'))
  assert.notEqual(hash('. {\nimport a\n}', { files: { a: 'log x' } }), hash('. {\nimport a\n}', { files: { a: 'log y' } }))
  assert.match(hash('. {\n}'), /^[0-9a-f]{128}$/)
})

describe('any text', () => {
  test('parses or is refused with a place, and never anything else', () => {
    const word = fc.constantFrom('.', '.:53', '{', '}', '\n', '"', '#', '\\', 'whoami', 'health', 'import', '(a)', 'a', ',', '{$X}', '{%Y%}', 'example.org', '10.0.0.0/9', 'tls://', '*', '\t', 'log', '::1/64')
    const text = fc.oneof(fc.array(word, { maxLength: 30 }).map((words) => words.join(' ')), fc.array(word, { maxLength: 30 }).map((words) => words.join('')), fc.string({ maxLength: 80 }))
    fc.assert(fc.property(text, (corefile) => { refusal(corefile, { env: { X: '} {', Y: 'b' } }) }), { numRuns: 3000 })
  })

  test('a tree that is written down is read back', () => {
    const bare = fc.stringMatching(/^[a-z0-9.:=_/-]{1,8}$/).filter((word) => word !== 'import')
    const quoted = fc.string({ maxLength: 6 }).filter((text) => !/[\\"\r{]|^}$/.test(text))
    const argument = fc.oneof(bare.map((word) => ({ word, text: word })), quoted.map((text) => ({ word: text, text: `"${text}"` })))
    const inner = fc.tuple(bare, fc.array(argument, { maxLength: 3 }))
    const directive = fc.tuple(fc.constantFrom('log', 'errors', 'cache'), fc.array(argument, { maxLength: 3 }), fc.option(fc.array(inner, { minLength: 1, maxLength: 3 })))
    fc.assert(fc.property(fc.array(directive, { maxLength: 4 }), (directives) => {
      const line = (name: string, args: readonly { text: string }[]) => [name, ...args.map((arg) => arg.text)].join(' ')
      const body = directives.map(([name, args, block]) => line(name, args) + (block === null ? '' : ` {\n${block.map(([word, rest]) => line(word, rest)).join('\n')}\n}`)).join('\n')
      const expected = ['errors', 'log', 'cache'].flatMap((name) => directives.filter((each) => each[0] === name).map(([, args, block]) => {
        const words = [name, ...args.map((arg) => arg.word)]
        return block === null ? words : [words, block.map(([word, rest]) => [word, ...rest.map((arg) => arg.word)])]
      }))
      assert.deepEqual(shapes(parse(`. {\n${body}\n}`)), [['dns://.:53', ...expected]])
    }))
  })
})
