/** Every directive of CoreDNS in its order of execution (specification 1.7), and ours among them. The place in a Corefile does not matter. */
export const DIRECTIVE_ORDER: readonly string[] = [
  'root', 'metadata', 'geoip', 'cancel', 'proxyproto', 'quic', 'grpc_server', 'https', 'https3', 'timeouts', 'multisocket', 'reload', 'nsid',
  'bufsize', 'bind', 'debug', 'trace', 'ready', 'health', 'pprof', 'shed', 'prometheus', 'errors', 'log', 'dnstap', 'rrl', 'local', 'dns64', 'any',
  'chaos', 'loadbalance', 'tsig', 'rewrite', 'autopath', 'acl', 'no_aaaa', 'cache', 'header', 'dnssec', 'tls', 'minimal', 'template', 'transfer', 'hosts',
  'route53', 'azure', 'clouddns', 'k8s_external', 'kubernetes', 'file', 'auto', 'secondary', 'etcd', 'loop', 'pure', 'forward', 'grpc', 'erratic',
  'whoami', 'on', 'sign', 'view', 'nomad',
]

/** What to do instead, for directives of CoreDNS that users meet in clusters. */
const INSTEAD: Readonly<Record<string, string>> = {
  file: 'serve the zone from another server and forward to it',
  auto: 'serve the zones from another server and forward to it',
  secondary: 'forward the zone to its primary',
  etcd: 'forward the zone to a server that reads etcd',
  grpc: 'use forward with tls:// upstreams',
  dnstap: 'use log',
}

/** Why a word is no directive here. */
export function unknownDirective(name: string, ours: readonly string[]): string {
  if (DIRECTIVE_ORDER.includes(name)) {
    return `this directive of CoreDNS is not supported by this program; ${INSTEAD[name] ?? 'remove it'}`
  }
  const near = nearest(name, ours)
  return `Unknown directive '${name}'${near === undefined ? '' : `; did you mean "${near}"?`}`
}

/** The word that differs least, if it differs little. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of words) {
    const distance = editDistance(word.toLowerCase(), candidate)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}

/** Levenshtein distance; words longer than any directive are not compared. */
function editDistance(a: string, b: string): number {
  if (a.length > 40) return a.length
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}
