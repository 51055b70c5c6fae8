import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { debianComponent, nodeComponent, type Component } from './bom.ts'

/** What Dockerfiles, probes and a person in the container call. */
const APPLETS = ['sh', 'cat', 'chmod', 'chown', 'cp', 'ls', 'mkdir', 'mv', 'printf', 'ps', 'rm', 'sleep', 'timeout']
const USERS = 'root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/:/bin/sh\n'
const GROUPS = 'root:x:0:\nnonroot:x:65532:\n'

/** Fills an empty folder with Node, the libraries that it needs, and busybox, all of this machine. Returns what they are. */
export function fillBase(root: string): Component[] {
  const node = realpathSync(process.execPath)
  place(root, node, '/usr/local/bin/node')
  const libraries = librariesOf(node)
  for (const library of libraries) place(root, library, library)
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim()
  place(root, busybox, '/bin/busybox')
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet))
  for (const folder of ['etc', 'tmp', 'proc', 'sys', 'dev', 'run', 'root']) mkdirSync(join(root, folder), { recursive: true })
  chmodSync(join(root, 'tmp'), 0o1777)
  writeFileSync(join(root, 'etc/passwd'), USERS)
  writeFileSync(join(root, 'etc/group'), GROUPS)
  const packages = new Set([...libraries, busybox].map(packageOf))
  for (const name of packages) if (existsSync(`/usr/share/doc/${name}/copyright`)) place(root, `/usr/share/doc/${name}/copyright`, `/usr/share/doc/${name}/copyright`)
  return [nodeComponent(process.version.slice(1)), ...[...packages].map((name) => debianComponent(name, versionOf(name), architecture()))]
}

/** By the paths that the loader looks for, the loader itself included. */
function librariesOf(program: string): string[] {
  const lines = execFileSync('ldd', [program], { encoding: 'utf8' }).split('\n')
  return lines.flatMap((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? [])
}

function place(root: string, from: string, to: string): void {
  mkdirSync(join(root, dirname(to)), { recursive: true })
  copyFileSync(realpathSync(from), join(root, to))
}

/** dpkg knows a file by one of its names before and after the merge of /lib into /usr/lib. */
function packageOf(file: string): string {
  for (const path of [file, realpathSync(file), `/usr${file}`, realpathSync(file).replace(/^\/usr/, '')]) {
    try {
      return execFileSync('dpkg-query', ['--search', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split(':')[0]!
    } catch {
      // Not by this name.
    }
  }
  throw new Error(`${file} is of no Debian package, so that the bill of materials could not name it`)
}

function versionOf(name: string): string {
  return execFileSync('dpkg-query', ['--show', '--showformat=${Version}\n', name], { encoding: 'utf8' }).split('\n')[0]!
}

function architecture(): string {
  return execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()
}
