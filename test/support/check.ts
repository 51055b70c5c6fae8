/** `check` over a text, for tests: no file but those given, and a machine with two interfaces. */
import { checkCorefile } from '../../src/check/check.ts'
import type { Finding } from '../../src/check/finding.ts'
import { plainSource, type Source } from '../../src/check/source.ts'
import { pluginTable, PLUGINS } from '../../src/plugins/index.ts'

export function findings(corefile: string | Source, files: Readonly<Record<string, string>> = {}): Finding[] {
  return checkCorefile(typeof corefile === 'string' ? plainSource('Corefile', corefile) : corefile, {
    plugins: pluginTable(PLUGINS),
    defaultPort: 53,
    env: () => undefined,
    files: {
      read: (path) => files[path] ?? (() => { throw Object.assign(new Error(`open ${path}`), { code: 'ENOENT' }) })(),
      glob: () => [],
      isDirectory: () => false,
      resolve: (_base, path) => path,
    },
    host: {
      name: 'test-host',
      addresses: () => [{ link: 'lo', address: '127.0.0.1', loopback: true }, { link: 'eth0', address: '10.0.0.53', loopback: false }],
      environment: () => undefined,
      httpGet: () => Promise.reject(new Error('check asks nobody')),
      profiler: { heapSnapshot: () => Promise.reject(new Error('check takes no profiles')), cpuProfile: () => Promise.reject(new Error('check takes no profiles')) },
    },
  })
}
