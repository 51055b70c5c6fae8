import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { RULES } from '../../src/check/rules/index.ts'
import { commands } from '../../cmd/commands/index.ts'
import { PLUGINS } from '../../src/plugins/index.ts'
import { DocsPage } from './page.ts'

const text = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8')
const HACK = fileURLToPath(new URL('../../hack', import.meta.url))

describe('docs/commands.md', () => {
  test('prints what it says', async () => {
    assert.ok(await new DocsPage(text).run(['1053', '9154', '18080']) > 3)
  })

  test('has every command and every warning', () => {
    for (const command of commands({ name: 'x', version: '0', plugins: PLUGINS, adminAddress: '' })) {
      assert.match(text, new RegExp(`^\\| \`${command.name()}\` \\|`, 'm'))
      assert.match(text, new RegExp(`^## ${command.name()}$`, 'm'))
    }
    for (const rule of RULES) assert.ok(text.includes(`\`${rule.code}\``), rule.code)
  })

  test('the commands of both programs, and their exit statuses', () => {
    for (const program of ['hearth-node', 'hearth-cluster']) {
      assert.equal(status(program, ['check', '/nowhere']), 2)
      assert.equal(status(program, ['check']), 2)
      assert.equal(status(program, ['check', '/dev/null', '--format', 'xml']), 2)
      assert.equal(status(program, ['check', fileURLToPath(new URL('../../hack/demo/cluster.Corefile', import.meta.url))]), 0)
    }
  })

  test('completion scripts are what their shells take', () => {
    const script = execFileSync(`${HACK}/hearth-node`, ['completion', 'bash'], { encoding: 'utf8' })
    const completed = execFileSync('bash', ['-c', `${script}\nCOMP_WORDS=(hearth-node check --for); COMP_CWORD=2; _hearth_node; echo "\${COMPREPLY[*]}"; COMP_WORDS=(hearth-node check --format g); COMP_CWORD=3; _hearth_node; echo "\${COMPREPLY[*]}"`], { encoding: 'utf8' })
    assert.equal(completed, '--format\ngithub\n')
    assert.match(execFileSync(`${HACK}/hearth-node`, ['completion', 'zsh'], { encoding: 'utf8' }), /^#compdef hearth-node\n/)
    assert.match(execFileSync(`${HACK}/hearth-node`, ['completion', 'fish'], { encoding: 'utf8' }), /^complete -c hearth-node -n '__fish_seen_subcommand_from check' -l format .* -x -a 'text json github'$/m)
  })
})

function status(program: string, args: readonly string[]): number | undefined {
  try {
    execFileSync(`${HACK}/${program}`, args, { stdio: 'ignore' })
    return 0
  } catch (error) {
    return (error as { status?: number }).status
  }
}
