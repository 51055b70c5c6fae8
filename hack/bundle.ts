/** Bundles each program into one file, with the native addon beside it and a bill of materials: what the images contain. `bundle.ts [FOLDER]`. */
import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Metafile, type Plugin } from 'esbuild'
import { bundleBom } from './image/bom.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = process.argv[2] ?? join(root, 'dist')

/** Packages in CommonJS expect these names; the bundle is an ES module. */
const BANNER = `import { createRequire as __createRequire } from 'node:module'
import { fileURLToPath as __fileURLToPath } from 'node:url'
const require = __createRequire(import.meta.url)
const __filename = __fileURLToPath(import.meta.url)
const __dirname = __fileURLToPath(new URL('.', import.meta.url))`

/**
 * Of @kubernetes/client-node we use KubeConfig alone; its generated API classes, 16 MB of the bundle and 30 MB of memory, stay out.
 * What KubeConfig takes from them makes API clients, which nobody here asks it for.
 */
const kubeConfigOnly: Plugin = {
  name: 'kube-config-only',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@kubernetes\/client-node$/ }, () => ({ path: join(root, 'node_modules/@kubernetes/client-node/dist/config.js') }))
    onResolve({ filter: /^\.\/gen\/index\.js$/ }, () => ({ path: 'gen', namespace: 'left-out' }))
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: 'export const createConfiguration = undefined, ServerConfiguration = undefined' }))
  },
}

/** Of netlink the raw socket alone: its tables of names and its protocols are a quarter of the agent's program. */
const rawNetlinkOnly: Plugin = {
  name: 'raw-netlink-only',
  setup({ onResolve }) {
    onResolve({ filter: /^netlink$/ }, () => ({ path: join(root, 'node_modules/netlink/dist/raw.js') }))
  },
}

/** Parts of Node that most programs never come to use, or not at the start. */
const LAZY = ['http', 'https', 'http2', 'tls', 'zlib', 'inspector/promises', 'dns/promises', 'fs/promises', 'stream/consumers', 'child_process', 'worker_threads']

/**
 * Loads those when something of them is used. As imports they are compiled at the start, and all their exports are read, of which one of
 * node:http's loads undici: together 25 ms of the start and 2.5 MB.
 */
const builtinsWhenUsed: Plugin = {
  name: 'builtins-when-used',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^node:(${LAZY.join('|')})$`) }, ({ path, kind }) => (kind === 'import-statement' ? { path, namespace: 'when-used' } : undefined))
    onLoad({ filter: /.*/, namespace: 'when-used' }, ({ path }) => ({ contents: `let loaded
module.exports = {}
for (const name of ${JSON.stringify(Object.keys(process.getBuiltinModule(path)!))}) {
  Object.defineProperty(module.exports, name, { enumerable: true, get: () => (loaded ??= process.getBuiltinModule('${path}'))[name] })
}` }))
  },
}

/** The status page is files beside its module in the checkout, and text in the bundle. */
const pageAsText: Plugin = {
  name: 'page-as-text',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/admin\/page\/page\.ts$/ }, async ({ path }) => {
      const { PAGE, PAGE_HEADERS } = await import(path) as Record<string, unknown>
      return { contents: `export const PAGE = ${JSON.stringify(PAGE)}\nexport const PAGE_HEADERS = ${JSON.stringify(PAGE_HEADERS)}` }
    })
  },
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const program of ['hearth-node', 'hearth-cluster']) {
  const { metafile } = await build({
    // The packet workers' threads run a small file of their own.
    entryPoints: { [program]: join(root, 'cmd', program, 'main.ts'), 'packet-worker': join(root, 'src/server/mmsg/worker.ts') },
    outdir: join(folder, program, 'lib'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    // What is loaded on demand only, such as the client of the API server, stays out of memory until then.
    splitting: true,
    chunkNames: 'chunk-[hash]',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: BANNER },
    // Stays a package, because it looks for its addon among packages.
    external: ['koffi'],
    plugins: [kubeConfigOnly, rawNetlinkOnly, builtinsWhenUsed, pageAsText],
    logLevel: 'warning',
    metafile: true,
    absWorkingDir: root,
  })
  const copied = copyKoffi(join(folder, program, 'lib', 'node_modules'))
  // The addon's loader looks for prebuilds in the folder above its own.
  if (program === 'hearth-node') cpSync(join(root, 'node_modules/netlink/prebuilds'), join(folder, program, 'prebuilds'), { recursive: true })
  writeFileSync(join(folder, program, 'bom.cdx.json'), `${JSON.stringify(bundleBom(program, [...bundled(metafile), ...copied]), undefined, 2)}\n`)
}
process.stdout.write(`${folder}\n`)

/** Files of which something is left in the output. */
function bundled({ outputs }: Metafile): string[] {
  return Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])))
}

/** koffi's loader, and its addon for the machine that this runs on. Returns the files. */
function copyKoffi(to: string): string[] {
  const packages = join(root, 'node_modules')
  const wanted = ['koffi/package.json', 'koffi/index.js', 'koffi/src/koffi/index.js', 'koffi/src/koffi/src/static.js', '@koromix/koffi-linux-*/{package.json,index.js,linux_*/koffi.node}']
  const files = wanted.flatMap((pattern) => globSync(pattern, { cwd: packages }))
  for (const path of files) cpSync(join(packages, path), join(to, path), { recursive: true })
  return files.map((path) => `node_modules/${path}`)
}
