/** A span as it was exported, whoever exported it and wherever it was read. */
export interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: SpanKind;
  readonly serviceName: string;
  /** Tells the processes of a service apart, where it is known: `service.instance.id`, or else host and pid. */
  readonly processId?: string | undefined;
  /** `process.pid`, where it is known. */
  readonly pid?: number | undefined;
  /** Of the instrumentation that made it; empty where that is not told. */
  readonly scopeName: string;
  /** Unix time in ms, with fractions. */
  readonly startMs: number;
  /** Unix time in ms, with fractions. */
  readonly endMs: number;
  readonly durationMs: number;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  readonly links: readonly SpanLink[];
}

export type SpanKind = 'internal' | 'server' | 'client' | 'producer' | 'consumer';

export interface SpanStatus {
  readonly code: 'unset' | 'ok' | 'error';
  /** Empty where there is none. */
  readonly message: string;
}

export interface SpanEvent {
  readonly name: string;
  /** Unix time in ms, with fractions. */
  readonly timeMs: number;
  readonly attributes: Attributes;
}

export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
}

export type Attributes = Readonly<Record<string, unknown>>;

/** @param resource attributes of the process */
export function processIdOf(resource: Attributes): string | undefined {
  const { 'service.instance.id': id, 'host.name': host, 'process.pid': pid } = resource;
  if (id !== undefined) return String(id);
  return pid === undefined ? undefined : `${host}/${pid}`;
}
