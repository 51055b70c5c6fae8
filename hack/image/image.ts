/**
 * The images of both programs, as their Dockerfiles say, but for what would come from a registry: the base is made of this machine's
 * files (base.ts), and the stage that builds is a bundle made here. `image.ts [FOLDER]`; hack/image.sh looks for the tools first.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../cmd/version.ts'
import { fillBase } from './base.ts'
import { Builder } from './builder.ts'
import { withBase, type Bom } from './bom.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const PROGRAMS = ['hearth-node', 'hearth-cluster'] as const
const BASE = 'localhost/hearth-base'

const folder = resolve(process.argv[2] ?? join(ROOT, 'dist/images'))
const bundles = join(folder, 'build')
mkdirSync(folder, { recursive: true })
execFileSync(process.execPath, [join(ROOT, 'hack/bundle.ts'), join(bundles, 'out')], { stdio: ['ignore', 'ignore', 'inherit'] })

const builder = new Builder(join(folder, 'storage'))
try {
  const materials = builder.fromScratch(BASE, fillBase)
  for (const program of PROGRAMS) {
    const image = `localhost/${program}:${VERSION}`
    builder.build(image, { dockerfile: join(ROOT, `Dockerfile.${program.replace('hearth-', '')}`), base: BASE, stages: { build: bundles } })
    builder.archive(image, join(folder, `${program}.oci.tar`))
    const bom = JSON.parse(readFileSync(join(bundles, 'out', program, 'bom.cdx.json'), 'utf8')) as Bom
    writeFileSync(join(folder, `${program}.cdx.json`), `${JSON.stringify(withBase(bom, materials), undefined, 2)}\n`)
    process.stdout.write(`${join(folder, `${program}.oci.tar`)}  ${image}\n`)
  }
} finally {
  builder.clear()
  rmSync(bundles, { recursive: true, force: true })
}
