import { row, type Place } from '../../corefile/options.ts'
import type { SourceChoice } from './source.ts'

/** Options of every directive that follows a cluster's objects. */
export const SOURCE_TABLE = {
  objects: row<readonly string[]>({ min: 1, max: Infinity, form: 'PATH...', help: 'folders or files of manifests instead of an API server, watched for changes', initial: [], read: (args, _place, before) => [...before, ...args.map((arg) => arg.text)] }),
  endpoint: row<string | undefined>({ min: 1, max: Infinity, form: 'URL', help: 'API server outside the cluster', initial: undefined, read: ([arg]) => arg!.text }),
  tls: row<readonly string[]>({ min: 3, max: 3, form: 'CERT KEY CA', help: 'files to speak to the endpoint with', initial: [], read: (args) => args.map((arg) => arg.text) }),
  kubeconfig: row<readonly string[]>({ min: 1, max: 2, form: 'FILE [CONTEXT]', help: 'credentials as kubectl reads them', initial: [], read: (args) => args.map((arg) => arg.text) }),
}

/** The source that these options mean together: the API server that the program runs under, without any. Throws ConfigError. */
export function chooseSource(values: { objects: readonly string[]; kubeconfig: readonly string[]; endpoint: string | undefined; tls: readonly string[] }, place: Place): SourceChoice {
  const { objects, kubeconfig, endpoint, tls } = values
  if (objects.length > 0) {
    if (kubeconfig.length > 0 || endpoint !== undefined) place.fail('objects and an API server (kubeconfig, endpoint) cannot both be given')
    return { kind: 'objects', paths: objects }
  }
  if (kubeconfig.length > 0) return { kind: 'kubeconfig', file: kubeconfig[0]!, context: kubeconfig[1] }
  if (endpoint !== undefined) {
    const [cert, key, ca] = tls
    return { kind: 'endpoint', url: endpoint, tls: cert === undefined ? undefined : { cert, key: key!, ca: ca! } }
  }
  return { kind: 'in-cluster' }
}

/** For people. */
export function describeSource(choice: SourceChoice): string {
  if (choice.kind === 'objects') return `manifests ${choice.paths.join(' ')}`
  return choice.kind === 'endpoint' ? choice.url : `API server (${choice.kind})`
}
