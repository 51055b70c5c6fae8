import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { fromGoFlags } from './go-flags.ts'

describe('flags as Go writes them', () => {
  const cases: readonly (readonly [args: string, becomes: string])[] = [
    ['-conf Corefile -dns.port=1053', '--conf Corefile --dns.port=1053'],
    ['--conf Corefile --dns.port 1053', '--conf Corefile --dns.port 1053'],
    ['-p 1053', '-p 1053'],
    ['-p=1053', '--dns.port=1053'],
    ['-quiet -quiet=true -quiet=1 -version=T', '--quiet --quiet --quiet --version'],
    ['-quiet=false -plugins=0 -conf x', '--conf x'],
    ['-quiet=maybe', '--quiet=maybe'],
    ['-setupiptables=false -skipteardown', '--setupiptables=false --skipteardown'],
    ['-h', '-h'],
    ['-conf x -- -conf=y', '--conf x -- -conf=y'],
    ['check -conf x', 'check --conf x'],
  ]
  for (const [args, becomes] of cases) test(args, () => assert.deepEqual(fromGoFlags(args.split(' ')), becomes.split(' ')))

  test('whatever stands there, values are kept to the letter', () => {
    fc.assert(fc.property(fc.string(), (value) => { assert.deepEqual(fromGoFlags([`-conf=${value}`]), [`--conf=${value}`]) }))
    fc.assert(fc.property(fc.array(fc.string()), (args) => { assert.ok(fromGoFlags(args).length <= args.length) }))
  })
})

describe('what a program says of its flags', { concurrency: 2 }, () => {
  const cases: readonly { readonly program: 'hearth-node' | 'hearth-cluster'; readonly args: string; readonly code: number; readonly prints: RegExp }[] = [
    { program: 'hearth-cluster', args: '-version=true', code: 0, prints: /^hearth-cluster-\d+\.\d+\.\d+\n$/ },
    { program: 'hearth-node', args: '-version', code: 0, prints: /^hearth-node-\d+\.\d+\.\d+\n$/ },
    { program: 'hearth-cluster', args: '-plugins', code: 0, prints: /^ {2}dns\.kubernetes$/m },
    { program: 'hearth-cluster', args: '-nonsense', code: 1, prints: /unknown option '--nonsense'/ },
    { program: 'hearth-cluster', args: '-dns.port=99999', code: 1, prints: /a port is a number from 1 to 65535/ },
    { program: 'hearth-cluster', args: '-conf /nonexistent/Corefile', code: 1, prints: /\/nonexistent\/Corefile: there is no such file; -conf names the Corefile to read/ },
    { program: 'hearth-cluster', args: '-conf /', code: 1, prints: /^\/: this is a folder; a file is wanted$/m },
    { program: 'hearth-cluster', args: 'explian web.shop', code: 2, prints: /"explian" is no command; did you mean "explain"\?/ },
    { program: 'hearth-cluster', args: 'check hack/demo/node.Corefile.base', code: 2, prints: /node\.Corefile\.base: this is a template of the node agent; "hearth-node check" fills in/ },
    { program: 'hearth-node', args: 'check hack/demo/node.Corefile.base', code: 0, prints: /0 errors/ },
    { program: 'hearth-cluster', args: 'check hack', code: 2, prints: /hack: this is a folder; name the files in it/ },
    { program: 'hearth-node', args: 'Corefile', code: 2, prints: /"Corefile" is no command; commands are check, .*; a Corefile is named by -conf/ },
    { program: 'hearth-cluster', args: '-conf manifests/cluster/base/configmap.yaml', code: 1, prints: /configmap\.yaml: this is a manifest of Kubernetes; its Corefile alone is wanted here/ },
    { program: 'hearth-cluster', args: '-conf hack/demo/cluster.Corefile', code: 1, prints: /cluster\.Corefile:5:\d+: kubernetes: objects: the path is empty; is the environment variable that stands here set\?/ },
    { program: 'hearth-node', args: '-conf x', code: 1, prints: /-localip is wanted/ },
    { program: 'hearth-node', args: '-localip 169.254.20.10,10.96.0', code: 1, prints: /"10\.96\.0" is no IP address/ },
    { program: 'hearth-node', args: '-localip 127.0.0.1 -syncinterval 0', code: 1, prints: /a duration of at least 1s is wanted/ },
    { program: 'hearth-node', args: '-localip 127.0.0.1 -setupiptables=maybe', code: 1, prints: /true or false wanted/ },
    { program: 'hearth-node', args: '-localip 127.0.0.1 -setupinterface=false -setupiptables=false -metrics-listen-address= -conf /nonexistent/Corefile', code: 1, prints: /\/nonexistent\/Corefile: there is no such file/ },
  ]
  for (const { program, args, code, prints } of cases) {
    test(`${program} ${args}`, async () => {
      const outcome = await run(fileURLToPath(new URL(`../hack/${program}`, import.meta.url)), args.split(' '))
      assert.match(outcome.output, prints)
      assert.equal(outcome.code, code, outcome.output)
    })
  }
})

function run(command: string, args: readonly string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: 120_000 }, (error, stdout, stderr) => resolve({ code: error === null ? 0 : Number(error.code), output: stdout + stderr }))
  })
}
