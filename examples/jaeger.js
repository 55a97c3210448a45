// Finds a running Jaeger and reads traces back from it, over its query API (/api/v3).
import { spansOfOtlp } from '../dist/cli/parts.js';

/**
 * @param {string} endpoint base URL of the OTLP/HTTP receiver; the query API is looked for on the same host
 * @returns {Promise<string | undefined>} the base URL of the query API, if both really answer
 */
export async function findJaeger(endpoint) {
  const query = new URL(endpoint);
  query.port = '16686';
  const [acceptsSpans, answersQueries] = await Promise.all([
    // An empty export is valid OTLP and stores nothing.
    answersJson(
      new URL('/v1/traces', endpoint),
      { method: 'POST', body: '{"resourceSpans":[]}' },
      () => true,
    ),
    // A Jaeger that knows no service yet leaves the list out.
    answersJson(new URL('/api/v3/services', query), {}, (body) => Array.isArray(body.services ?? [])),
  ]);
  return acceptsSpans && answersQueries ? query.origin : undefined;
}

/** Spans of the traces that passed through the service since `sinceMs`; [] if there are none yet. */
export async function readSpans(queryUrl, { service, sinceMs }) {
  const url = new URL('/api/v3/traces', queryUrl);
  const parameters = [
    ['serviceName', 'service_name', service],
    ['startTimeMin', 'start_time_min', new Date(sinceMs).toISOString()],
    ['startTimeMax', 'start_time_max', new Date(Date.now() + 60_000).toISOString()],
    ['searchDepth', 'num_traces', '100'],
  ];
  for (const [name, oldName, value] of parameters) {
    // Each version ignores the names that it does not know.
    url.searchParams.set(`query.${name}`, value);
    url.searchParams.set(`query.${oldName}`, value);
  }
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (response.status === 404) return []; // Jaeger's way to say that nothing matched.
  if (!response.ok) throw new Error(`Jaeger answered ${response.status}: ${await response.text()}`);
  return spansOfOtlp(await response.json()) ?? [];
}

/** A search for the cancelled spans of a service, to open in a browser. */
export function searchLink(queryUrl, { service, attribute }) {
  const url = new URL('/search', queryUrl);
  url.searchParams.set('service', service);
  url.searchParams.set('lookback', '1h');
  url.searchParams.set('limit', '50');
  url.searchParams.set('tags', JSON.stringify({ [attribute]: 'true' })); // Jaeger compares strings.
  return url.href.replace('//127.0.0.1:', '//localhost:');
}

async function answersJson(url, init, isExpected) {
  try {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(1000), ...init });
    return response.ok && isExpected(await response.json());
  } catch {
    return false;
  }
}
