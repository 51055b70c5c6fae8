import { applyOptions, checkCount, duration, initialValues, integer, placeOf, row, type Place } from '../../corefile/options.ts'
import type { Directive, Token } from '../../corefile/tree.ts'
import type { SpanOptions } from '../../core/spans.ts'

export interface TraceOptions {
  /** One query of so many; 0 for none. */
  readonly every: number
  readonly spans: SpanOptions
  readonly token: Token
}

const DEFAULT_ENDPOINT = 'localhost:9411'
const MAX_BACKLOG = 1000
const MAX_BATCH = 100
const BATCH_EVERY_MS = 1000

const ignored = (form: string, help: string, sound: RegExp) => row({
  min: 0, form, help, initial: undefined,
  read: ([arg], place) => (arg === undefined || sound.test(arg.text) ? undefined : place.fail(`"${arg.text}" is not ${form}`, arg)),
})

export const TRACE_TABLE = {
  every: integer({ min: 0, initial: 1, help: 'trace one query of N; 0 for none (default 1)' }),
  service: row({ form: 'NAME', help: 'name of the service in spans (default coredns)', initial: 'coredns', read: ([arg]) => arg!.text }),
  client_server: ignored('[true|false]', 'taken for compatibility: spans of client and server are never one', /^(true|false|t|f|1|0)$/i),
  datadog_analytics_rate: ignored('[RATE]', 'taken for compatibility', /^(0(\.\d+)?|1(\.0+)?|\.\d+)$/),
  zipkin_max_backlog_size: integer({ min: 0, max: 100_000, initial: 0, help: 'spans that wait to be sent; more are dropped (default 1000)' }),
  zipkin_max_batch_size: integer({ min: 0, max: 100_000, initial: 0, help: 'spans in one request to the collector (default 100)' }),
  zipkin_max_batch_interval: duration({ initial: 0, help: 'how often spans are sent (default 1s)' }),
}

/** Of several uses the last arguments count, and all properties. Throws ConfigError. */
export function parseTrace(directive: Directive): TraceOptions {
  const values = initialValues(TRACE_TABLE)
  let url = ''
  for (const line of directive.lines) {
    url = readEndpoint(line.args, placeOf('trace', line.token))
    applyOptions(line.block ?? [], TRACE_TABLE, 'trace', values)
  }
  const maxBacklog = values.zipkin_max_backlog_size || MAX_BACKLOG
  return {
    every: values.every,
    token: directive.token,
    spans: {
      url, maxBacklog,
      service: values.service,
      // A batch that never fits into the backlog would never be sent.
      maxBatch: Math.min(values.zipkin_max_batch_size || MAX_BATCH, maxBacklog),
      batchEveryMs: values.zipkin_max_batch_interval || BATCH_EVERY_MS,
    },
  }
}

/** `[[zipkin] ENDPOINT]`: an address, or the whole URL. */
function readEndpoint(args: readonly Token[], place: Place): string {
  checkCount(args, 0, 2, place)
  const [type, address] = args.length === 2 ? [args[0], args[1]!] : [undefined, args[0]]
  if (type !== undefined && type.text.toLowerCase() === 'datadog') place.fail('datadog is not supported; its agent and OpenTelemetry\'s collector take what Zipkin takes: write zipkin and their address', type)
  if (type !== undefined && type.text.toLowerCase() !== 'zipkin') place.fail(`tracing endpoint type '${type.text}' is not supported; zipkin is`, type)
  const text = address?.text ?? DEFAULT_ENDPOINT
  const url = text.includes('http') ? text : `http://${text}/api/v2/spans`
  return URL.canParse(url) ? url : place.fail(`"${text}" is no address; write HOST:PORT or a URL`, address)
}
