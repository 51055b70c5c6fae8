/** Spans of queries for a collector of traces: the world of `trace`. */
export interface Spans {
  /** Rejects when the collector's address makes no sense. A collector that does not answer is logged, and its spans are lost. */
  open(options: SpanOptions): Promise<SpanSink>
}

export interface SpanOptions {
  /** Where Zipkin takes spans (`POST /api/v2/spans`). */
  readonly url: string
  readonly service: string
  /** Spans that wait to be sent; more are dropped. */
  readonly maxBacklog: number
  readonly maxBatch: number
  readonly batchEveryMs: number
}

export interface SpanSink {
  /** Starts a trace; times are Unix milliseconds with fractions. */
  begin(name: string, startMs: number): OpenSpan
  /** Sends what waits. */
  close(): Promise<void>
}

export interface OpenSpan {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  end(span: SpanEnd): void
}

export interface SpanEnd {
  readonly endMs: number
  readonly attributes: Readonly<Record<string, string>>
  readonly error?: string | undefined
  readonly children: readonly ChildSpan[]
}

export interface ChildSpan extends SpanEnd {
  readonly name: string
  readonly startMs: number
}
