import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCorefile } from '../corefile/parser.ts'
import { labelsNamed } from './metadata.ts'

test('labels that a block names, wherever they stand', () => {
  const files = { read: () => '', glob: () => [], isDirectory: () => false, resolve: (_base: string, path: string) => path }
  const text = `. {
    log . "{/pod/label/a.example.org/b_c-d}|{/pod/label/a.example.org/b_c-d}{/pod/label/}"
    view v {
      expr metadata('pod/label/team') == 'x' && metadata("pod/label/"+name()) == ''
    }
    rewrite edns0 local set 0xffee {pod/label/zone}
    template ANY ANY {
      answer "{{ .Name }} 60 IN TXT {{ .Meta \\"pod/label/app\\" }}"
    }
  }`
  const [block] = parseCorefile(text, { file: 'Corefile', defaultPort: 53, env: () => undefined, directives: ['log', 'view', 'rewrite', 'template'], files }).blocks()
  assert.deepEqual(labelsNamed(block!.directives, 'pod/label/'), ['a.example.org/b_c-d', 'app', 'team', 'zone'])
  assert.deepEqual(labelsNamed(block!.directives, 'none/'), [])
})
