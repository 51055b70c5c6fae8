/** Writes the properties of every option table into the Options section of its manual page, src/plugins/NAME/README.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { formatOptions } from '../src/corefile/options.ts'
import { PLUGINS } from '../src/plugins/index.ts'

for (const plugin of PLUGINS) {
  if (plugin.options === undefined) continue
  const page = new URL(`../src/plugins/${plugin.name}/README.md`, import.meta.url)
  const lines = readFileSync(page, 'utf8').split('\n')
  const start = lines.indexOf('## Options') + 1
  const end = lines.findIndex((line, at) => at >= start && line.startsWith('## '))
  const kept = lines.slice(start, end).filter((line) => !line.startsWith('- `')).join('\n').trim()
  lines.splice(start, end - start, '', ...formatOptions(plugin.options), '', ...(kept === '' ? [] : [kept, '']))
  writeFileSync(page, lines.join('\n'))
}
