import { execFileSync, type ChildProcess } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Host } from '../../hack/lab/host.ts'
import { Resident } from '../../hack/lab/resident.ts'

/** Of a pod's manifest, what a container runtime makes of it. */
export interface Pod {
  readonly args: readonly string[]
  readonly user: number
  readonly readOnlyRootFilesystem: boolean
  readonly allowPrivilegeEscalation: boolean
  /** Without `CAP_`; all others are dropped. */
  readonly capabilities: readonly string[]
  /** In the form of the runtime specification; undefined for none. */
  readonly seccomp: unknown
  readonly env: Readonly<Record<string, string>>
  readonly mounts: readonly { readonly at: string; readonly from: string; readonly readOnly?: boolean }[]
}

interface RuntimeConfig {
  process: { args: string[]; env: string[]; terminal: boolean; user: object; capabilities: object; noNewPrivileges: boolean }
  root: { readonly: boolean }
  mounts: object[]
  linux: { namespaces: { type: string }[]; resources?: unknown; seccomp?: unknown }
}

/** The runtime knows no cgroups of two versions at once, which test machines may have; it needs none here. */
const WITHOUT_CGROUPS = 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"'

/** An image in a container of crun, on the network of a host. */
export class Container {
  readonly #id: string
  readonly #bundle: string
  readonly #host: Host
  #resident: Resident | undefined

  /** Unpacks the image with tools that have not made it. `folder`: for this container alone. */
  constructor(id: string, archive: string, folder: string, host: Host) {
    this.#id = id
    this.#bundle = join(folder, 'bundle')
    this.#host = host
    mkdirSync(folder, { recursive: true })
    execFileSync('skopeo', ['copy', '--quiet', `oci-archive:${archive}`, `oci:${folder}/layout:it`])
    execFileSync('umoci', ['unpack', '--image', `${folder}/layout:it`, this.#bundle], { stdio: 'ignore' })
  }

  /** Where the image's files are. */
  get root(): string {
    return join(this.#bundle, 'rootfs')
  }

  async start(pod: Pod, ready: RegExp): Promise<Resident> {
    const file = join(this.#bundle, 'config.json')
    const config = JSON.parse(readFileSync(file, 'utf8')) as RuntimeConfig
    const capabilities = pod.capabilities.map((name) => `CAP_${name}`)
    config.process = {
      ...config.process,
      terminal: false,
      args: [...config.process.args, ...pod.args],
      env: [...config.process.env, ...Object.entries(pod.env).map(([name, value]) => `${name}=${value}`)],
      user: { uid: pod.user, gid: pod.user },
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities, inheritable: [], ambient: [] },
      noNewPrivileges: !pod.allowPrivilegeEscalation,
    }
    config.root.readonly = pod.readOnlyRootFilesystem
    for (const { at, from, readOnly } of pod.mounts) config.mounts.push({ destination: at, source: from, type: 'bind', options: ['bind', readOnly === true ? 'ro' : 'rw'] })
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== 'network' && type !== 'cgroup' && type !== 'user')
    delete config.linux.resources
    if (pod.seccomp !== undefined) config.linux.seccomp = pod.seccomp
    writeFileSync(file, JSON.stringify(config))
    this.#resident = await Resident.start(this.#id, this.#crun('run', '--bundle', this.#bundle, this.#id), ready)
    return this.#resident
  }

  /** A command inside, as `kubectl exec` and exec probes do it. */
  async exec(command: readonly string[]): Promise<{ readonly status: number | null; readonly output: string; readonly errors: string }> {
    const child = this.#crun('exec', this.#id, ...command)
    let [output, errors] = ['', '']
    child.stdout?.on('data', (chunk: Buffer) => { output += chunk.toString() })
    child.stderr?.on('data', (chunk: Buffer) => { errors += chunk.toString() })
    const status = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { status, output, errors }
  }

  /** SIGTERM; the exit status of the program. */
  async stop(): Promise<number | null> {
    await this.#resident?.stop()
    return this.#resident?.child.exitCode ?? null
  }

  #crun(...args: readonly string[]): ChildProcess {
    return this.#host.spawn('unshare', ['--mount', 'sh', '-c', WITHOUT_CGROUPS, 'sh', 'crun', '--root', join(this.#bundle, '../state'), '--cgroup-manager=disabled', ...args])
  }
}
