import { readdirSync, readFileSync, statSync, watch, type FSWatcher } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Timer } from '../../base/clock.ts'
import { nameOf, namespaceOf } from '../decode.ts'
import type { ClusterIndex } from '../index.ts'
import type { ClusterObject, Kind } from '../objects.ts'
import { parseManifests, type ManifestObject } from './manifest-file.ts'
import { assemble } from './assemble.ts'
import type { Source, SourceWorld, Wanted } from './source.ts'

/** How often files are looked at, should the system not tell of changes: network file systems do not. */
const POLL_MS = 1000
/** Looking may take this part of the time at most: folders of thousands of files are looked at less often. */
const POLL_SHARE = 0.01
/** Changes that come together are read together. */
const SETTLE_MS = 30
/** Deeper folders than this are not manifests. */
const DEPTH_LIMIT = 8
/** Folders beyond are found by looking alone: each one watched takes one of the system's inotify watches. */
const WATCHED_FOLDERS_LIMIT = 1000
const FILE_LIMIT_BYTES = 64 * 1024 * 1024
const FILES_LIMIT = 10_000

interface ReadFile {
  /** Changes whenever the content may have. */
  readonly version: string
  readonly objects: readonly ManifestObject[]
}

/** Folders or files of ordinary manifests, watched for changes. */
export class ManifestSource implements Source {
  readonly #paths: readonly string[]
  readonly #wanted: Wanted
  readonly #world: SourceWorld
  readonly #said = new Set<string>()
  #files = new Map<string, ReadFile>()
  #known = new Map<string, { object: ClusterObject; text: string }>()
  /** By folder. One each, since a recursive watch of Node loses files that are renamed over others. */
  readonly #watchers = new Map<string, FSWatcher>()
  #polling: Timer | undefined
  /** How long it took to see that nothing has changed. */
  #lookMs = 0
  #settling: Timer | undefined
  #index: ClusterIndex | undefined
  synced = false

  constructor(paths: readonly string[], wanted: Wanted, world: SourceWorld) {
    this.#paths = paths
    this.#wanted = wanted
    this.#world = world
  }

  async start(index: ClusterIndex): Promise<void> {
    for (const path of this.#paths) {
      if (statSync(path, { throwIfNoEntry: false }) === undefined) throw new Error(path === '' ? 'objects: the path is empty; is the environment variable that stands here set?' : `objects: ${path}: no such file or folder`)
    }
    this.#index = index
    this.#read()
    this.synced = true
    this.#poll()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#polling?.cancel()
    this.#settling?.cancel()
    return Promise.resolve()
  }

  #poll(): void {
    this.#polling = this.#world.clock.after(Math.max(POLL_MS, this.#lookMs / POLL_SHARE), () => {
      this.#read()
      this.#poll()
    })
  }

  /** Asks the system to tell of changes in these folders; where it cannot, polling finds them. */
  #watch(folders: ReadonlySet<string>): void {
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const folder of folders) if (!this.#watchers.has(folder) && this.#watchers.size < WATCHED_FOLDERS_LIMIT) this.#watchFolder(folder)
  }

  #watchFolder(folder: string): void {
    const poll = (reason: unknown) => this.#say(`watching ${folder}: ${String(reason)}; looking every ${POLL_MS} ms instead`)
    try {
      // As with timers, waiting for a change alone keeps no process.
      const watcher = watch(folder, { persistent: false }, () => this.#settle())
      watcher.on('error', (error) => {
        poll(error.message)
        watcher.close()
        this.#watchers.delete(folder)
      })
      this.#watchers.set(folder, watcher)
    } catch (error) {
      poll(error)
    }
  }

  #settle(): void {
    this.#settling ??= this.#world.clock.after(SETTLE_MS, () => {
      this.#settling = undefined
      this.#read()
    })
  }

  /** Reads what changed, then brings the index to what the files say now. */
  #read(): void {
    const startMs = this.#world.clock.nowMs()
    const files = this.#remembered()
    const listed = this.#list()
    // Watched before they are read, so that no change falls between.
    this.#watch(listed.folders)
    let changed = false
    for (const path of listed.files) {
      const before = this.#files.get(path)
      const file = this.#readFile(path, before)
      if (file !== undefined) files.set(path, file)
      changed ||= file !== before
    }
    if (!changed && files.size === this.#files.size) {
      this.#lookMs = this.#world.clock.nowMs() - startMs
      return
    }
    this.#files = files
    this.#apply(assemble([...files.values()].flatMap((file) => file.objects), this.#wanted, (text) => this.#say(text)))
  }

  /** What was read below a path that has gone as a whole: an editor is at work, or a volume is not mounted just now. */
  #remembered(): Map<string, ReadFile> {
    const gone = this.#paths.filter((path) => statSync(path, { throwIfNoEntry: false }) === undefined)
    for (const path of gone) this.#say(`${path} has gone; keeping what it said`)
    return new Map([...this.#files].filter(([file]) => gone.some((path) => file === path || file.startsWith(`${path}/`))))
  }

  #readFile(path: string, before: ReadFile | undefined): ReadFile | undefined {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return undefined
    const version = `${stat.ino} ${stat.mtimeMs} ${stat.size}`
    if (before?.version === version) return before
    if (stat.size > FILE_LIMIT_BYTES) {
      this.#world.log.error(`${path}: ${stat.size} bytes are more than a manifest may have (${FILE_LIMIT_BYTES}); it is left out`)
      return { version, objects: [] }
    }
    try {
      const { objects, errors, torn } = parseManifests(readFileSync(path, 'utf8'), path)
      for (const error of errors) this.#world.log.error(error)
      return { version, objects: torn ? withEarlier(objects, before?.objects ?? []) : objects }
    } catch (error) {
      this.#world.log.error(`${path}: ${String(error)}; keeping what it said before`)
      return { version, objects: before?.objects ?? [] }
    }
  }

  #apply(objects: readonly ClusterObject[]): void {
    const next = new Map<string, { object: ClusterObject; text: string }>()
    for (const object of objects) next.set(identity(object), { object, text: JSON.stringify(object) })
    const index = this.#index!
    for (const [id, { object }] of this.#known) {
      if (!next.has(id)) index.remove(object.kind, object.kind === 'Namespace' ? '' : object.namespace, object.name)
    }
    for (const [id, { object, text }] of next) if (this.#known.get(id)?.text !== text) index.put(object)
    this.#known = next
  }

  /** The manifest files, and the folders in which they and others may come and go. */
  #list(): { readonly files: readonly string[]; readonly folders: ReadonlySet<string> } {
    const found: string[] = []
    const folders = new Set<string>()
    const visit = (path: string, depth: number, named: boolean) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat === undefined || found.length >= FILES_LIMIT) return
      if (stat.isDirectory()) {
        folders.add(path)
        if (depth > 0) for (const name of readdirSync(path).sort()) if (!name.startsWith('.')) visit(join(path, name), depth - 1, false)
      } else if (stat.isFile() && (named || /\.(ya?ml|json)$/.test(path))) {
        if (named) folders.add(dirname(path))
        found.push(path)
      }
    }
    for (const path of this.#paths) visit(path, DEPTH_LIMIT, true)
    if (found.length >= FILES_LIMIT) this.#say(`more than ${FILES_LIMIT} manifest files; the rest is left out`)
    return { files: found, folders }
  }

  /** Logs a remark once. */
  #say(text: string): void {
    if (this.#said.has(text) || this.#said.size > 1000) return
    this.#said.add(text)
    this.#world.log.info(text)
  }
}

/** Objects that a broken document may have taken along stay as they were, until the file can be read again. */
function withEarlier(objects: readonly ManifestObject[], before: readonly ManifestObject[]): ManifestObject[] {
  const name = ({ kind, json }: ManifestObject) => `${kind} ${namespaceOf(json)}/${nameOf(json)}`
  const known = new Set(objects.map(name))
  return [...objects, ...before.filter((object) => !known.has(name(object)))]
}

function identity(object: ClusterObject): string {
  const kind: Kind = object.kind
  return object.kind === 'Namespace' ? `${kind} ${object.name}` : `${kind} ${object.namespace}/${object.name}`
}
