/** Bills of materials in CycloneDX 1.5 (JSON): what is in a bundle, and what is in an image. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { VERSION } from '../../cmd/version.ts'

export interface Component {
  readonly type: 'library' | 'platform' | 'application'
  readonly 'bom-ref': string
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: readonly { readonly license: { readonly id: string } }[]
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
}

export interface Bom {
  readonly $schema: string
  readonly bomFormat: 'CycloneDX'
  readonly specVersion: '1.5'
  readonly version: 1
  readonly metadata: { readonly component: Component; readonly properties?: readonly { readonly name: string; readonly value: string }[] }
  readonly components: readonly Component[]
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[]
}

interface Locked {
  readonly version: string
  readonly license?: string
  readonly integrity?: string
}

const lock = JSON.parse(readFileSync(fileURLToPath(new URL('../../package-lock.json', import.meta.url)), 'utf8')) as { readonly packages: Readonly<Record<string, Locked>> }

/**
 * Of a program whose files come from `paths` below the checkout, with the versions, licences and hashes of package-lock.json. Without a
 * time or a random number: equal sources make equal bills.
 */
export function bundleBom(program: string, paths: readonly string[]): Bom {
  const folders = new Set(paths.flatMap((path) => packageFolder(path) ?? []))
  return bomOf(program, [...folders].sort().map(npmComponent))
}

/** The same of the image around it. */
export function withBase(bom: Bom, base: readonly Component[]): Bom {
  return bomOf(bom.metadata.component.name, [...bom.components, ...base])
}

function bomOf(program: string, components: readonly Component[]): Bom {
  const component: Component = { type: 'application', 'bom-ref': program, name: program, version: VERSION, purl: `pkg:generic/${program}@${VERSION}`, licenses: [{ license: { id: 'Apache-2.0' } }] }
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component },
    components,
    dependencies: [{ ref: program, dependsOn: components.map((each) => each['bom-ref']) }],
  }
}

/** As package-lock.json names it: `node_modules/a/node_modules/@b/c`. */
function packageFolder(path: string): string | undefined {
  const at = path.lastIndexOf('node_modules/')
  if (at < 0) return undefined
  const [name, second] = path.slice(at + 'node_modules/'.length).split('/')
  return `${path.slice(0, at)}node_modules/${name!.startsWith('@') ? `${name}/${second}` : name}`
}

function npmComponent(folder: string): Component {
  const { version, license, integrity } = lock.packages[folder] ?? fail(`package-lock.json does not have ${folder}`)
  const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  return {
    type: 'library',
    'bom-ref': purl,
    name,
    version,
    purl,
    ...(license === undefined ? {} : { licenses: [{ license: { id: license } }] }),
    ...(integrity === undefined ? {} : { hashes: [{ alg: 'SHA-512', content: Buffer.from(integrity.replace('sha512-', ''), 'base64').toString('hex') }] }),
  }
}

export function nodeComponent(version: string): Component {
  const purl = `pkg:generic/node@${version}`
  return { type: 'platform', 'bom-ref': purl, name: 'node', version, purl, licenses: [{ license: { id: 'MIT' } }] }
}

export function debianComponent(name: string, version: string, architecture: string): Component {
  const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}`
  return { type: 'library', 'bom-ref': purl, name, version, purl }
}

function fail(message: string): never {
  throw new Error(message)
}
