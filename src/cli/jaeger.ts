/** Spans as Jaeger's query API and the downloads of its user interface have them. */
import type { Attributes, ExportedSpan } from './span.ts';

interface JaegerTraces {
  readonly data: readonly {
    readonly spans: readonly JaegerSpan[];
    readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
  }[];
}

interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly processID: string;
  readonly operationName: string;
  /** In µs. */
  readonly duration: number;
  readonly references?: readonly { readonly refType: string; readonly spanID: string }[];
  readonly tags?: readonly Tag[];
  readonly logs?: readonly { readonly fields?: readonly Tag[] }[];
}

interface Tag {
  readonly key: string;
  readonly value: unknown;
}

export function isJaeger(json: unknown): json is JaegerTraces {
  return typeof json === 'object' && json !== null && 'data' in json && Array.isArray(json.data);
}

export function spansOfJaeger({ data }: JaegerTraces): ExportedSpan[] {
  return data.flatMap(({ spans, processes }) =>
    spans.map((span) => exportedSpan(span, processes[span.processID]?.serviceName ?? 'unknown_service')),
  );
}

/**
 * Asks a Jaeger for the traces of one service, or of all.
 *
 * @param baseUrl of its user interface, such as `http://localhost:16686`
 * @param sinceMs how far back, in ms
 * @throws {Error} when it does not answer as Jaeger does
 */
export async function askJaeger(
  baseUrl: string,
  service: string | undefined,
  sinceMs: number,
): Promise<ExportedSpan[]> {
  const services = service === undefined ? await servicesOf(baseUrl) : [service];
  const spans = new Map<string, ExportedSpan>();
  for (const name of services) {
    const query = new URLSearchParams({
      service: name,
      start: String((Date.now() - sinceMs) * 1_000),
      end: String(Date.now() * 1_000),
      limit: String(MAX_TRACES),
    });
    const answer = await askJson(`${baseUrl.replace(/\/$/, '')}/api/traces?${query}`);
    if (!isJaeger(answer)) throw new Error(`${baseUrl} does not answer as Jaeger does`);
    // A trace of several services is answered for each of them.
    for (const span of spansOfJaeger(answer)) spans.set(span.traceId + span.spanId, span);
  }
  return [...spans.values()];
}

/** Of each service, the latest. */
const MAX_TRACES = 1_500;

async function servicesOf(baseUrl: string): Promise<string[]> {
  const answer = (await askJson(`${baseUrl.replace(/\/$/, '')}/api/services`)) as { data?: string[] | null };
  return answer.data ?? [];
}

async function askJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response.json();
}

function exportedSpan(span: JaegerSpan, serviceName: string): ExportedSpan {
  const attributes = attributesOf(span.tags);
  const kind = attributes['span.kind'];
  return {
    traceId: span.traceID,
    spanId: span.spanID,
    parentSpanId: span.references?.find(({ refType }) => refType === 'CHILD_OF')?.spanID,
    name: span.operationName,
    kind: kind === 'client' || kind === 'server' ? kind : 'other',
    serviceName,
    durationMs: span.duration / 1_000,
    attributes,
    events: (span.logs ?? []).map(({ fields }) => {
      const { event, ...others } = attributesOf(fields);
      return { name: String(event), attributes: others };
    }),
  };
}

function attributesOf(tags: readonly Tag[] = []): Attributes {
  return Object.fromEntries(tags.map(({ key, value }) => [key, value]));
}
