/** Both images, built without a registry and run as the manifests say, under the seccomp profile that they bring. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import type { Bom } from '../../hack/image/bom.ts'
import { Host } from '../../hack/lab/host.ts'
import { lacks } from '../support/needs.ts'
import { until } from '../support/until.ts'
import { Container, type Pod } from './container.ts'

const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const PROGRAMS = ['hearth-node', 'hearth-cluster'] as const
const RESOLVER = '10.244.2.10'
const START_MS = 30_000

/** What a container has no business to do, by libc's names: nothing of it may reach the kernel. */
const REFUSED = {
  ptrace: "lib.func('long ptrace(long, int, void*, void*)')(0, 0, null, null)",
  mount: "lib.func('int mount(str, str, str, ulong, void*)')('none', '/run', 'tmpfs', 0, null)",
  unshare: "lib.func('int unshare(int)')(0x10000000)",
  setns: "lib.func('int setns(int, int)')(0, 0)",
  'a socket for raw packets': "lib.func('int socket(int, int, int)')(17, 3, 0)",
  'netlink that is neither routes nor nftables': "lib.func('int socket(int, int, int)')(16, 3, 9)",
  'process_vm_readv': "lib.func('long process_vm_readv(int, void*, ulong, void*, ulong, ulong)')(1, null, 0, null, 0, 0)",
} as const
/** What the same libc may do as long as it lasts. */
const ALLOWED = {
  'a socket for IPv4': "lib.func('int socket(int, int, int)')(2, 2, 0)",
  'netlink for routes': "lib.func('int socket(int, int, int)')(16, 3, 0)",
  'netlink for nftables': "lib.func('int socket(int, int, int)')(16, 3, 12)",
} as const
/** The profile says that what it does not name does not exist. */
const ENOSYS = 38

interface Workload {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: { readonly Corefile: string }
  readonly spec?: { readonly template: { readonly spec: { readonly securityContext?: { readonly runAsUser?: number }; readonly containers: readonly ContainerSpec[] } } }
}

interface ContainerSpec {
  readonly args: readonly string[]
  readonly startupProbe?: Probe
  readonly readinessProbe?: Probe
  readonly livenessProbe?: Probe
  readonly securityContext: { readonly runAsUser?: number; readonly readOnlyRootFilesystem: boolean; readonly allowPrivilegeEscalation: boolean; readonly capabilities: { readonly add?: readonly string[] } }
}

interface Probe {
  readonly exec: { readonly command: readonly string[] }
}

const skip = lacks({ root: true, commands: ['buildah', 'skopeo', 'umoci', 'crun', 'busybox', 'kubectl', 'dig', 'npm'] })

describe('the images', { skip, concurrency: false }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'hearth-images-'))
  const image = (program: string) => join(folder, `${program}.oci.tar`)
  const bom = (program: string) => JSON.parse(readFileSync(join(folder, `${program}.cdx.json`), 'utf8')) as Bom
  const seccomp: unknown = JSON.parse(readFileSync(here('manifests/seccomp/hearth.json'), 'utf8'))
  let host: Host
  let resolver: Container
  let agent: Container
  const manifests = new Map(['cluster/base', 'node/overlays/iptables'].flatMap((name) => parseAllDocuments(execFileSync('kubectl', ['kustomize', here(`manifests/${name}`)]).toString())
    .map((document) => document.toJS() as Workload).map((manifest): [string, Workload] => [`${manifest.kind} ${manifest.metadata.name}`, manifest])))
  const pod = (name: string) => manifests.get(name)!.spec!.template.spec

  before(async () => {
    execFileSync(here('hack/image.sh'), [folder], { stdio: ['ignore', 'ignore', 'inherit'] })
    host = await Host.open('node')
    await host.configure([{ do: 'up', link: 'lo' }, { do: 'address', link: 'lo', address: `${RESOLVER}/32` }])
  })
  after(async () => {
    await agent?.stop()
    await resolver?.stop()
    await host?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  /** As the manifest of a pod has it. */
  function podOf(name: string, more: Pick<Pod, 'mounts' | 'env'>): Pod {
    const { securityContext, containers: [container] } = pod(name)
    const { args, securityContext: own } = container!
    return {
      args, seccomp, user: own.runAsUser ?? securityContext!.runAsUser!, capabilities: own.capabilities.add ?? [],
      readOnlyRootFilesystem: own.readOnlyRootFilesystem, allowPrivilegeEscalation: own.allowPrivilegeEscalation, ...more,
    }
  }

  test('the resolver serves as user 65532, without capabilities, read-only', async () => {
    const config = join(folder, 'resolver-config')
    mkdirSync(join(config, 'objects'), { recursive: true })
    cpSync(here('hack/demo/objects/shop.yaml'), join(config, 'objects/shop.yaml'))
    writeFileSync(join(config, 'Corefile'), `.:53 {\n bind ${RESOLVER}\n errors\n health ${RESOLVER}:8081\n ready ${RESOLVER}:8181\n reload\n kubernetes cluster.local in-addr.arpa {\n  objects /etc/hearth/objects\n }\n cache 30\n prometheus ${RESOLVER}:9153\n}\n`)
    // The pod's sysctl.
    await host.exec('sh', ['-c', 'echo 0 > /proc/sys/net/ipv4/ip_unprivileged_port_start'])
    resolver = new Container('resolver', image('hearth-cluster'), join(folder, 'resolver'), host)
    await resolver.start(podOf('Deployment hearth-cluster', { env: {}, mounts: [{ at: '/etc/hearth', from: config, readOnly: true }] }), / ready /)
    assert.equal(await host.exec('dig', ['+short', `@${RESOLVER}`, 'web.shop.svc.cluster.local']), '10.96.20.1\n')
  })

  test('the agent serves with two capabilities: addresses, rules, and answers from the resolver and from its cache', async () => {
    const config = join(folder, 'agent-config')
    const run = join(folder, 'agent-run')
    mkdirSync(config)
    mkdirSync(run)
    writeFileSync(join(config, 'Corefile.base'), manifests.get('ConfigMap node-local-dns')!.data!.Corefile)
    writeFileSync(join(folder, 'resolv.conf'), `nameserver ${RESOLVER}\n`)
    agent = new Container('agent', image('hearth-node'), join(folder, 'agent'), host)
    const resident = await agent.start(podOf('DaemonSet node-local-dns', {
      env: { KUBE_DNS_UPSTREAM_SERVICE_HOST: RESOLVER },
      mounts: [{ at: '/run/hearth', from: run }, { at: '/etc/coredns', from: config, readOnly: true }, { at: '/etc/resolv.conf', from: join(folder, 'resolv.conf'), readOnly: true }],
    }), /rules in force/)
    for (const address of ['169.254.20.10', '10.96.0.10']) {
      for (const way of ['+notcp', '+tcp']) assert.equal(await host.exec('dig', ['+short', way, `@${address}`, 'web.shop.svc.cluster.local']), '10.96.20.1\n', `${address} ${way}: ${resident.output}`)
    }
    assert.match(await host.exec('curl', ['-s', 'http://127.0.0.1:9253/metrics']), /coredns_cache_hits_total\{[^}]*\} [1-9]/)
    assert.match(await host.exec('curl', ['-s', 'http://127.0.0.1:9254/']), /Search lists in vain/)
    assert.match(resident.output, /packet workers?/)
  })

  test('its probes hold inside of the container, and its commands are on the path', async () => {
    const [container] = pod('DaemonSet node-local-dns').containers
    for (const name of ['startupProbe', 'readinessProbe', 'livenessProbe'] as const) {
      await until(async () => (await agent.exec(container![name]!.exec.command)).status === 0, START_MS)
    }
    const status = await agent.exec(['hearth-node', 'status'])
    assert.match(status.output, /169\.254\.20\.10/)
    const top = await resolver.exec(['hearth-cluster', 'top', '--once'])
    assert.equal(top.status, 0, top.errors)
  })

  test('the profile lets nothing through that neither program needs', async () => {
    const script = `const koffi = require('/opt/hearth-node/lib/node_modules/koffi'); const lib = koffi.load('libc.so.6'); const outcome = (value) => (value < 0 ? koffi.errno() : 0)
      console.log(JSON.stringify({ ${Object.entries({ ...REFUSED, ...ALLOWED }).map(([name, call]) => `${JSON.stringify(name)}: outcome(${call})`).join(', ')} }))`
    const { status, output, errors } = await agent.exec(['node', '-e', script])
    assert.equal(status, 0, errors)
    assert.deepEqual(JSON.parse(output), { ...Object.fromEntries(Object.keys(REFUSED).map((name) => [name, ENOSYS])), ...Object.fromEntries(Object.keys(ALLOWED).map((name) => [name, 0])) })
  })

  test('a changed template is followed, and the end is clean', async () => {
    const file = join(folder, 'agent-config/Corefile.base')
    writeFileSync(file, readFileSync(file, 'utf8').replace('    errors\n', '    errors\n    hosts {\n        192.0.2.7 followed.cluster.local\n        fallthrough\n    }\n'))
    await until(async () => (await host.exec('dig', ['+short', '@169.254.20.10', 'followed.cluster.local'])) === '192.0.2.7\n', START_MS)
    assert.equal(await agent.stop(), 0)
    assert.equal(await resolver.stop(), 0)
  })

  for (const program of PROGRAMS) {
    test(`the bill of materials of ${program} names what is inside, as package-lock.json has it`, () => {
      const { components, metadata } = bom(program)
      assert.equal(metadata.component.name, program)
      const names = components.map(({ name }) => name)
      for (const name of ['commander', 'koffi', 'prom-client', '@kubernetes/client-node', 'node', 'libc6', 'busybox-static']) assert.ok(names.includes(name), name)
      for (const name of ['esbuild', 'typescript', 'playwright-core']) assert.equal(names.includes(name), false, name)
      assert.equal(names.includes('netlink'), program === 'hearth-node')
      // npm's own bill of the same lock file.
      const npm = JSON.parse(execFileSync('npm', ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'], { cwd: here('.'), encoding: 'utf8' })) as Bom
      const known = new Map(npm.components.map((component) => [component.purl, component]))
      for (const component of components.filter(({ purl }) => purl.startsWith('pkg:npm/'))) {
        assert.deepEqual(component.hashes, known.get(component.purl)?.hashes, component.purl)
        assert.ok(component.licenses !== undefined, component.purl)
      }
    })
  }

  test('the image has the bill of its bundle inside, and nothing that the manifests\' user could write', () => {
    for (const [program, container] of [['hearth-node', agent], ['hearth-cluster', resolver]] as const) {
      const inside = JSON.parse(readFileSync(join(container.root, 'opt', program, 'bom.cdx.json'), 'utf8')) as Bom
      assert.deepEqual(inside.components, bom(program).components.filter(({ purl }) => purl.startsWith('pkg:npm/')))
      assert.equal(execFileSync('find', [join(container.root, 'opt'), join(container.root, 'usr'), '-type', 'f', '-perm', '/022'], { encoding: 'utf8' }), '')
    }
  })

  test('both are images for others too', () => {
    for (const program of PROGRAMS) {
      const { config } = JSON.parse(execFileSync('skopeo', ['inspect', '--config', `oci-archive:${image(program)}`], { encoding: 'utf8' })) as { config: { Entrypoint: string[]; User?: string } }
      assert.equal(config.Entrypoint.at(-1), `/opt/${program}/lib/${program}.mjs`)
      assert.equal(config.User, program === 'hearth-cluster' ? '65532:65532' : undefined)
    }
  })
})
