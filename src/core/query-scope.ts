import { parseIp, parsePrefix, prefixContains } from '../base/ip.ts'
import { className, typeName } from '../wire/codes.ts'
import { lowerName } from '../wire/name.ts'
import { ExpressionError, type Scope } from './expression.ts'
import type { Query } from './query.ts'

/** What an expression can say about a query (specification 3.21). */
export function queryScope(q: Query): Scope {
  return {
    name: () => lowerName(q.question.name),
    type: () => typeName(q.question.type),
    class: () => className(q.question.class),
    proto: () => q.protocol,
    size: () => q.arrival.sizeBytes,
    client_ip: () => q.client.address,
    port: () => String(q.client.port),
    id: () => q.request.id,
    opcode: () => q.request.opcode,
    do: () => q.request.edns?.do ?? false,
    bufsize: () => (q.protocol === 'tcp' ? 65_535 : Math.max(512, q.request.edns?.udpSize ?? 0)),
    server_ip: () => q.arrival.local.address,
    server_port: () => String(q.arrival.local.port),
    metadata: () => '',
    incidr: (address, prefix) => {
      const network = parsePrefix(String(prefix))
      const ip = parseIp(String(address))
      if (network === undefined || ip === undefined) throw new ExpressionError(`incidr: ${String(address)} or ${String(prefix)} is malformed`)
      return prefixContains(network, ip)
    },
  }
}
