/** A span as it was exported, with what a report asks of it. */
export interface ExportedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  readonly kind: 'client' | 'server' | 'other';
  readonly serviceName: string;
  /** Tells the processes of a service apart, where it is known: `service.instance.id`, or else host and pid. */
  readonly processId?: string | undefined;
  readonly durationMs: number;
  /** Unix time in ms. */
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
}

export type Attributes = Readonly<Record<string, unknown>>;

/** @param resource attributes of the process */
export function processIdOf(resource: Attributes): string | undefined {
  const { 'service.instance.id': id, 'host.name': host, 'process.pid': pid } = resource;
  if (id !== undefined) return String(id);
  return pid === undefined ? undefined : `${host}/${pid}`;
}
