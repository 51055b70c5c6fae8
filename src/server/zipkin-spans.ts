import type { Span, Tracer } from '@opentelemetry/api'
import type { Log } from '../base/log.ts'
import type { ChildSpan, SpanEnd, SpanOptions, Spans, SpanSink } from '../core/spans.ts'

/** A collector has this long for a batch, also when the program ends. */
const EXPORT_MS = 3000
const WARN_EVERY_MS = 60_000

/** Sends spans to Zipkin with OpenTelemetry's SDK, which is loaded when the first `trace` directive starts and not before. */
export function zipkinSpans(log: Log): Spans {
  return { open: (options) => openZipkin(options, log) }
}

async function openZipkin(options: SpanOptions, log: Log): Promise<SpanSink> {
  const url = new URL(options.url).href
  const api = await import('@opentelemetry/api')
  const { BatchSpanProcessor, TracerProvider } = await import('@opentelemetry/sdk-trace')
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  const { ZipkinExporter } = await import('@opentelemetry/exporter-zipkin')
  const exporter = new ZipkinExporter({ url, serviceName: options.service })
  const batches = new BatchSpanProcessor({
    exporter, maxQueueSize: options.maxBacklog, maxExportBatchSize: options.maxBatch, scheduledDelayMillis: options.batchEveryMs, exportTimeoutMillis: EXPORT_MS,
  })
  const provider = new TracerProvider({ spanProcessors: [batches], resource: resourceFromAttributes({ 'service.name': options.service }) })
  const say = warner(log)
  api.diag.setLogger({ error: say, warn: say, info: () => undefined, debug: () => undefined, verbose: () => undefined }, { suppressOverrideMessage: true, logLevel: api.DiagLogLevel.WARN })
  const tracer = provider.getTracer('hearth')

  /** Ends a span and what is below it. */
  function end(span: Span, { endMs, attributes, error, children }: SpanEnd): void {
    span.setAttributes({ ...attributes })
    if (error !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message: error })
    for (const child of children) end(begin(tracer, child, span), child)
    span.end(endMs)
  }

  function begin(from: Tracer, { name, startMs }: ChildSpan, parent: Span): Span {
    return from.startSpan(name, { startTime: startMs }, api.trace.setSpan(api.ROOT_CONTEXT, parent))
  }

  return {
    begin(name, startMs) {
      const span = tracer.startSpan(name, { startTime: startMs, kind: api.SpanKind.SERVER, root: true }, api.ROOT_CONTEXT)
      return { traceId: span.spanContext().traceId, end: (done) => end(span, done) }
    },
    async close() {
      try {
        await provider.shutdown()
      } catch (error) {
        say(`spans are lost: ${String(error)}`)
      }
    },
  }
}

/** A collector that is down is worth a line now and then, not one for every batch. */
function warner(log: Log): (text: string) => void {
  let nextMs = 0
  return (text) => {
    if (performance.now() < nextMs) return
    nextMs = performance.now() + WARN_EVERY_MS
    // The SDK writes its errors as JSON, stack and all.
    log.warning(`plugin/trace: ${/"message":"([^"]*)"/.exec(text)?.[1] ?? text}`)
  }
}
