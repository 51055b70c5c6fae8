import { parseIp, parsePrefix, prefixContains } from '../base/ip.ts'
import { className, typeName } from '../wire/codes.ts'
import { messageLength } from '../wire/encode.ts'
import { lowerName } from '../wire/name.ts'
import { ExpressionError, parseExpression, type Expression, type ExpressionValue, type Scope } from './expression.ts'
import type { Query } from './query.ts'

/** What an expression about queries may speak of. */
const NAMES = [
  'name', 'type', 'class', 'proto', 'size', 'client_ip', 'port', 'id', 'opcode', 'do', 'bufsize', 'server_ip', 'server_port', 'metadata', 'incidr',
] as const

/** `own` are further names that the evaluating scope will have. Throws ExpressionError, for unknown names too. */
export function parseQueryExpression(text: string, own: readonly string[] = []): Expression {
  const expression = parseExpression(text)
  const unknown = [...expression.names].find((name) => !(NAMES as readonly string[]).includes(name) && !own.includes(name))
  if (unknown !== undefined) throw new ExpressionError(`unknown name ${unknown}`)
  return expression
}

/** What an expression can say about a query (specification 3.21). */
export function queryScope(q: Query): Scope & Readonly<Record<(typeof NAMES)[number], ExpressionValue>> {
  return {
    name: () => lowerName(q.question.name),
    type: () => typeName(q.question.type),
    class: () => className(q.question.class),
    proto: () => q.protocol,
    size: () => messageLength(q.request),
    client_ip: () => q.client.address,
    port: () => String(q.client.port),
    id: () => q.request.id,
    opcode: () => q.request.opcode,
    do: () => q.request.edns?.do ?? false,
    bufsize: () => (q.protocol === 'tcp' ? 65_535 : Math.max(512, q.request.edns?.udpSize ?? 0)),
    server_ip: () => q.arrival.local.address,
    server_port: () => String(q.arrival.local.port),
    metadata: (label) => q.metadata?.get(String(label)) ?? '',
    incidr: (address, prefix) => {
      const network = parsePrefix(String(prefix))
      const ip = parseIp(String(address))
      if (network === undefined || ip === undefined) throw new ExpressionError(`incidr: ${String(address)} or ${String(prefix)} is malformed`)
      return prefixContains(network, ip)
    },
  }
}
