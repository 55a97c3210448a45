import { context, propagation, type Span, SpanKind, trace } from '@opentelemetry/api';
import { isByHand, type SetUp, type Workload } from '../plan.ts';

export { serve } from './http.ts';

const tracer = trace.getTracer('floor');

export async function caller(setUp: SetUp, workload: Workload, port: number): Promise<() => Promise<void>> {
  const url = `http://127.0.0.1:${port}/item`;
  const get = isByHand(setUp) ? floorFetch : plainFetch;
  switch (workload) {
    case 'fetch':
      return () => get(url, {});
    case 'fetch-signal':
      return () => get(url, { signal: new AbortController().signal });
    default:
      throw new Error(`${workload} is no fetch() workload`);
  }
}

async function plainFetch(url: string, options: RequestInit): Promise<void> {
  await (await fetch(url, options)).text();
}

/** What anybody pays who wants this span. The peer's address is not to be had from a response of fetch(). */
async function floorFetch(url: string, options: RequestInit): Promise<void> {
  const { hostname, port } = new URL(url);
  const span = tracer.startSpan('GET', {
    kind: SpanKind.CLIENT,
    attributes: {
      'http.request.method': 'GET',
      'url.full': url,
      'server.address': hostname,
      'server.port': Number(port),
    },
  });
  const headers = {};
  propagation.inject(trace.setSpan(context.active(), span), headers);
  if (!span.isRecording()) return plainFetch(url, { ...options, headers });
  await (await answer(span, url, { ...options, headers })).text();
  span.end();
}

async function answer(span: Span, url: string, options: RequestInit): Promise<Response> {
  const response = await fetch(url, options);
  span.setAttribute('http.response.status_code', response.status);
  return response;
}
