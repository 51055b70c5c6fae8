import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'

interface Recipe {
  readonly dockerfile: string
  /** What ARG BASE stands for. */
  readonly base: string
  /** Stages of the Dockerfile that are folders here, by name. */
  readonly stages: Readonly<Record<string, string>>
}

/** buildah with a storage of its own, so that nothing is left on the machine and no other image is in the way. */
export class Builder {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** An image of the files that `fill` puts into an empty folder. */
  fromScratch<T>(image: string, fill: (root: string) => T): T {
    const container = this.#run('from', 'scratch')
    const filled = fill(this.#run('mount', container))
    this.#run('config', '--env', 'PATH=/usr/local/bin:/usr/bin:/bin', '--cmd', 'node', container)
    this.#run('umount', container)
    this.#run('commit', '--quiet', '--rm', container, image)
    return filled
  }

  build(image: string, { dockerfile, base, stages }: Recipe): void {
    const contexts = Object.entries(stages).map(([stage, folder]) => `--build-context=${stage}=${folder}`)
    // The context is a folder of few files: nothing is copied from it, since the stages above stand for what would.
    this.#run('bud', '--quiet', '--isolation=chroot', '--pull-never', `--build-arg=BASE=${base}`, ...contexts, `--tag=${image}`, `--file=${dockerfile}`, Object.values(stages)[0]!)
  }

  /** Under the name that a kubelet looks for when a manifest says no more than `hearth-node:0.1.0`. */
  archive(image: string, file: string): void {
    rmSync(file, { force: true })
    this.#run('push', '--quiet', image, `oci-archive:${file}:docker.io/library/${image.slice(image.indexOf('/') + 1)}`)
  }

  clear(): void {
    this.#run('rm', '--all')
    this.#run('rmi', '--all', '--force')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #run(command: string, ...args: readonly string[]): string {
    return execFileSync('buildah', ['--root', `${this.#folder}/root`, '--runroot', `${this.#folder}/run`, '--storage-driver', 'vfs', command, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim()
  }
}
