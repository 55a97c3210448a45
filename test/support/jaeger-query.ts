/**
 * Asks Jaeger for traces and flattens them to the spans that a test wants to look at.
 *
 * Traces come from /api/v3, as OTLP. The search by tag goes through /api/traces, the one that the web UI of
 * the pinned version uses: its /api/v3/traces takes no attributes over HTTP and answers as if none were asked
 * for. Jaeger 2.21 has it the other way round.
 */
import { setTimeout as delay } from 'node:timers/promises';

export type JaegerSpan = {
  traceId: string;
  spanId: string;
  parentSpanId: string | undefined;
  name: string;
  /** As in OTLP: 1 internal, 2 server, 3 client. */
  kind: number;
  serviceName: string;
  attributes: Record<string, unknown>;
  events: JaegerEvent[];
  links: JaegerLink[];
  /** As in OTLP: 0 unset, 1 ok, 2 error. */
  status: { code: number; message: string };
  startTimeUnixNano: bigint;
  endTimeUnixNano: bigint;
};
export type JaegerEvent = { name: string; timeUnixNano: bigint; attributes: Record<string, unknown> };
export type JaegerLink = { traceId: string; spanId: string; attributes: Record<string, unknown> };

export type TraceSearch = {
  service: string;
  operation?: string | undefined;
  /** Compared as strings; all of them on one span of the service. */
  attributes?: Record<string, string>;
  since?: Date;
  limit?: number;
};

/** Newest trace first. Empty when nothing matches: spans arrive some time after their export, see eventually(). */
export async function findTraces(queryUrl: string, search: TraceSearch): Promise<JaegerSpan[][]> {
  const url = new URL('/api/traces', queryUrl);
  url.searchParams.set('service', search.service);
  url.searchParams.set('limit', String(search.limit ?? 20));
  if (search.operation) url.searchParams.set('operation', search.operation);
  if (search.attributes) url.searchParams.set('tags', JSON.stringify(search.attributes));
  if (search.since) url.searchParams.set('start', String(search.since.getTime() * 1_000));
  const found = (await askJson(url)) as { data: { traceID: string }[] };
  return await Promise.all(found.data.map(({ traceID }) => getTrace(queryUrl, traceID)));
}

/** Empty when Jaeger does not know the trace. */
export async function getTrace(queryUrl: string, traceId: string): Promise<JaegerSpan[]> {
  const answer = (await askJson(new URL(`/api/v3/traces/${traceId}`, queryUrl))) as OtlpAnswer | undefined;
  return answer === undefined ? [] : spansOf(answer);
}

/** Asks again until there is an answer: neither Jaeger nor Prometheus tells when something has become searchable. */
export async function eventually<T>(
  ask: () => Promise<T | undefined>,
  what: string,
  limitMs = 10_000,
): Promise<T> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > giveUpAt) throw new Error(`not found within ${limitMs} ms: ${what}`);
    await delay(50);
  }
}

async function askJson(url: URL): Promise<unknown> {
  const response = await fetch(url);
  const body = await response.text();
  if (response.status === 404 && url.pathname.startsWith('/api/v3/')) return undefined;
  if (!response.ok) throw new Error(`Jaeger answered ${response.status} to ${url}: ${body}`);
  return JSON.parse(body);
}

/** The part of OTLP/JSON that is read here; proto3 leaves out what is empty or zero. */
type OtlpAnswer = { result: { resourceSpans?: OtlpResourceSpans[] } };
type OtlpResourceSpans = {
  resource?: { attributes?: OtlpKeyValue[] };
  scopeSpans?: { spans?: OtlpSpan[] }[];
};
type OtlpSpan = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name?: string;
  kind?: number;
  attributes?: OtlpKeyValue[];
  events?: { name?: string; timeUnixNano?: string; attributes?: OtlpKeyValue[] }[];
  links?: { traceId: string; spanId: string; attributes?: OtlpKeyValue[] }[];
  status?: { code?: number; message?: string };
  startTimeUnixNano?: string;
  endTimeUnixNano?: string;
};
type OtlpKeyValue = { key: string; value?: OtlpValue };
type OtlpValue = {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string | number;
  doubleValue?: number;
  arrayValue?: { values?: OtlpValue[] };
  kvlistValue?: { values?: OtlpKeyValue[] };
};

function spansOf(answer: OtlpAnswer): JaegerSpan[] {
  return (answer.result.resourceSpans ?? []).flatMap(({ resource, scopeSpans }) => {
    const serviceName = String(recordOf(resource?.attributes)['service.name'] ?? '');
    return (scopeSpans ?? []).flatMap(({ spans }) => (spans ?? []).map((span) => flatten(span, serviceName)));
  });
}

function flatten(span: OtlpSpan, serviceName: string): JaegerSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId || undefined,
    name: span.name ?? '',
    kind: span.kind ?? 0,
    serviceName,
    attributes: recordOf(span.attributes),
    events: (span.events ?? []).map((event) => ({
      name: event.name ?? '',
      timeUnixNano: BigInt(event.timeUnixNano ?? 0),
      attributes: recordOf(event.attributes),
    })),
    links: (span.links ?? []).map((link) => ({
      traceId: link.traceId,
      spanId: link.spanId,
      attributes: recordOf(link.attributes),
    })),
    status: { code: span.status?.code ?? 0, message: span.status?.message ?? '' },
    startTimeUnixNano: BigInt(span.startTimeUnixNano ?? 0),
    endTimeUnixNano: BigInt(span.endTimeUnixNano ?? 0),
  };
}

function recordOf(attributes: OtlpKeyValue[] | undefined): Record<string, unknown> {
  return Object.fromEntries((attributes ?? []).map(({ key, value }) => [key, plain(value)]));
}

function plain(value: OtlpValue | undefined): unknown {
  if (value?.intValue !== undefined) return Number(value.intValue);
  if (value?.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain);
  if (value?.kvlistValue !== undefined) return recordOf(value.kvlistValue.values);
  return value?.stringValue ?? value?.boolValue ?? value?.doubleValue;
}
