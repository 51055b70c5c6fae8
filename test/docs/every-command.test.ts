/** No page tells anybody to type what does not exist: commands, options, folders, objects of the manifests. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { lacks } from '../support/needs.ts'
import { commandsOf, PAGES, ROOT, type Typed } from './shell.ts'

/** Pages whose `console` fences a test runs, by the test. */
const RUN: Readonly<Record<string, string>> = {
  'docs/commands.md': 'test/docs/commands.test.ts',
  'docs/quick-start.md': 'test/docs/quick-start.test.ts',
  'docs/security.md': 'test/docs/security.test.ts',
  'docs/troubleshooting.md': 'test/docs/troubleshooting.test.ts',
}
const FOLDERS = ['cluster/base', 'cluster/autoscaler', 'node/overlays/iptables', 'node/cleanup', 'seccomp', 'observability', 'network-policies', 'sizing']
/** What a cluster has that is not ours. */
const THEIRS = ['deployment/coredns', 'configmap/coredns']
const SHORT: Readonly<Record<string, string>> = { ds: 'daemonset', deploy: 'deployment', svc: 'service', cm: 'configmap' }
const KUBECTL = ['apply', 'delete', 'exec', 'get', 'logs', 'port-forward', 'rollout', 'run', 'scale', 'top']

const skip = lacks({ commands: ['kubectl', 'helm'] })

describe('what pages tell people to type', { skip }, () => {
  const objects = new Set([...THEIRS, ...FOLDERS.flatMap((folder) => parseAllDocuments(kustomize(`manifests/${folder}`)).map((document) => {
    const { kind, metadata } = document.toJS() as { kind: string; metadata: { name: string } }
    return `${kind.toLowerCase()}/${metadata.name}`
  }))])

  test('is found in all pages', () => {
    const typed = PAGES.flatMap(commandsOf)
    assert.ok(typed.length > 80, String(typed.length))
    assert.deepEqual(new Set(typed.map(({ words }) => words[0]!).filter((word) => CHECKS[word] === undefined && !word.startsWith('./hack/'))), new Set())
  })

  test('fences with a prompt are run by a test', () => {
    for (const page of PAGES) assert.equal(/^```console$/m.test(readFileSync(`${ROOT}/${page}`, 'utf8')), RUN[page] !== undefined, page)
    for (const file of Object.values(RUN)) assert.ok(existsSync(`${ROOT}/${file}`), file)
  })

  for (const page of PAGES) {
    test(`${page} names nothing that does not exist`, () => {
      for (const typed of commandsOf(page)) check(typed, objects)
    })
  }
})

type Check = (typed: Typed, objects: ReadonlySet<string>) => void

const CHECKS: Readonly<Record<string, Check>> = {
  'hearth-node': ours,
  'hearth-cluster': ours,
  kubectl,
  helm,
  export: ({ words }) => assert.match(words[1]!, /^PATH=/),
  docker: ({ words, place }) => assert.ok(existsSync(`${ROOT}/${words[words.indexOf('-f') + 1]}`), place),
  // What test/images makes and names so.
  skopeo: archive,
  kind: archive,
  ctr: archive,
  // Others' programs, with options that have been there for long.
  dig: ({ words, place }) => assert.ok(words.some((word) => word.startsWith('@')), place),
  curl: ({ words, place }) => assert.ok(words.some((word) => word.startsWith('http')), place),
  conntrack: ({ words, place }) => assert.deepEqual(words, ['conntrack', '-S'], place),
  nft: ({ words, place }) => assert.ok(words[1] === 'list' || words[1] === 'flush', place),
  nslookup: () => {},
}

function check(typed: Typed, objects: ReadonlySet<string>): void {
  const [first] = typed.words
  if (first!.startsWith('./hack/')) return hack(typed)
  CHECKS[first!]!(typed, objects)
}

/** The command exists, and so does each of its options. */
function ours({ words, place }: Typed): void {
  const [program, second] = words
  const isCommand = second !== undefined && !second.startsWith('-')
  const help = helpOf(program!, isCommand ? second : '')
  for (const word of words.slice(isCommand ? 2 : 1).filter((each) => each.startsWith('-'))) {
    const option = word.split('=')[0]!.replace(/^-{1,2}/, '')
    assert.match(help, new RegExp(`(^|[ ,])--?${option}\\b`, 'm'), `${place}: ${words.join(' ')}`)
  }
}

const helps = new Map<string, string>()
function helpOf(program: string, command: string): string {
  const key = `${program} ${command}`
  const known = helps.get(key)
  if (known !== undefined) return known
  const { status, stdout } = spawnSync(`${ROOT}/hack/${program}`, command === '' ? ['--help'] : [command, '--help'], { encoding: 'utf8' })
  assert.equal(status, 0, key)
  assert.match(stdout, new RegExp(`^Usage: ${program} ${command}`), key)
  helps.set(key, stdout)
  return stdout
}

function hack({ words, place }: Typed): void {
  accessSync(`${ROOT}/${words[0]}`, constants.X_OK)
  if (/\/hearth-(node|cluster)$/.test(words[0]!)) ours({ words: [words[0]!.slice('./hack/'.length), ...words.slice(1)], place })
}

/** The verb is one, folders build, and objects that are named are in the manifests. */
function kubectl({ words, place }: Typed, objects: ReadonlySet<string>): void {
  const rest = words.slice(1).filter((word, i, all) => word !== '-n' && all[i - 1] !== '-n')
  const [verb] = rest
  assert.ok(KUBECTL.includes(verb!), `${place}: ${verb}`)
  const folder = rest[rest.indexOf('-k') + 1]
  if (rest.includes('-k')) return void kustomize(folder!)
  const named = verb === 'rollout' || verb === 'scale' ? `${rest.at(verb === 'rollout' ? 2 : 1)}/${rest.at(verb === 'rollout' ? 3 : 2)}`
    : verb === 'exec' && rest[1]!.includes('/') ? rest[1]!
      : verb === 'get' && rest[2] !== undefined && !rest[2].startsWith('-') ? `${rest[1]}/${rest[2]}` : undefined
  if (named === undefined) return
  const [kind, name] = named.split('/')
  assert.ok(objects.has(`${SHORT[kind!] ?? kind}/${name}`), `${place}: ${words.join(' ')}`)
}

/** The same values make manifests. */
function helm({ words, place }: Typed): void {
  const [, verb, release, chart, ...rest] = words
  if (verb === 'uninstall') return
  assert.ok(verb === 'install' || verb === 'upgrade', place)
  execFileSync('helm', ['template', release!, `${ROOT}/${chart}`, '--kube-version', '1.34.0', ...rest.filter((word) => word !== '--reuse-values')])
}

function archive({ words, place }: Typed): void {
  const file = words.map((word) => /dist\/images\/(\S+)\.oci\.tar$/.exec(word)?.[1]).find((name) => name !== undefined)
  assert.ok(readdirSync(`${ROOT}/hack`).includes(file!), place)
}

function kustomize(folder: string): string {
  return execFileSync('kubectl', ['kustomize', `${ROOT}/${folder}`], { encoding: 'utf8' })
}
