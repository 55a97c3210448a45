/** Asks a Jaeger for spans, by its stable query API, /api/v3. */

import { spansOfOtlp } from './otlp.ts';
import { isFields, ShapeError } from './shape.ts';
import type { ExportedSpan } from './span.ts';
import { UserError } from './user-error.ts';

export interface JaegerQuestion {
  /** Undefined: all. */
  readonly service: string | undefined;
  /** How far back, in ms. */
  readonly sinceMs: number;
}

/** Of each service, the latest. */
const MAX_TRACES = 1_500;
const ANSWER_LIMIT_MS = 30_000;

/**
 * @param address of its user interface, such as `http://localhost:16686`
 * @throws {UserError} when it does not answer as Jaeger does
 */
export async function askJaeger(address: string, question: JaegerQuestion): Promise<ExportedSpan[]> {
  const { sinceMs, service } = question;
  const known = await servicesOf(address);
  if (service !== undefined && !known.includes(service)) {
    throw new UserError(`${address}: no service ${service}, only ${known.join(', ') || 'none at all'}`);
  }
  const spans = new Map<string, ExportedSpan>();
  for (const name of service === undefined ? known : [service]) {
    const answer = await ask(address, `/api/v3/traces?${queryOf(name, sinceMs)}`);
    // A trace of several services is answered for each of them.
    for (const span of spansIn(answer, address)) spans.set(span.traceId + span.spanId, span);
  }
  return [...spans.values()];
}

async function servicesOf(address: string): Promise<string[]> {
  const answer = await ask(address, '/api/v3/services');
  const services = isFields(answer) ? (answer.services ?? []) : undefined;
  if (Array.isArray(services)) return services.map(String);
  throw new UserError(`${address}: answers JSON, but not as a Jaeger does. ${WHAT_TO_NAME}`);
}

function queryOf(service: string, sinceMs: number): URLSearchParams {
  const [start, end] = [Date.now() - sinceMs, Date.now()].map((ms) => new Date(ms).toISOString());
  const query = new URLSearchParams();
  // Each version ignores the names that it does not know.
  for (const [name, oldName, value] of [
    ['serviceName', 'service_name', service],
    ['startTimeMin', 'start_time_min', start],
    ['startTimeMax', 'start_time_max', end],
    ['searchDepth', 'num_traces', MAX_TRACES],
  ] as const) {
    query.set(`query.${name}`, String(value));
    query.set(`query.${oldName}`, String(value));
  }
  return query;
}

function spansIn(answer: unknown, address: string): ExportedSpan[] {
  if (answer === undefined) return [];
  try {
    const spans = spansOfOtlp(answer);
    if (spans !== undefined) return spans;
  } catch (error) {
    if (error instanceof ShapeError) throw new UserError(`${address}: ${error.message}`);
    throw error;
  }
  throw new UserError(`${address}: answers JSON, but not as a Jaeger does. ${WHAT_TO_NAME}`);
}

const WHAT_TO_NAME = "Name the address of Jaeger's pages, such as http://localhost:16686";

/** @returns undefined: there is nothing of what was asked for */
async function ask(address: string, path: string): Promise<unknown> {
  let response: Response;
  let text: string;
  try {
    response = await fetch(address.replace(/\/$/, '') + path, {
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    text = await response.text();
  } catch (error) {
    throw new UserError(`${address}: ${whyNoAnswer(error as Error)}`);
  }
  const { status, ok } = response;
  const [route] = path.split('?');
  if (status === 401 || status === 403) {
    throw new UserError(
      `${address}: answers ${status}, it wants a login: download the traces from its pages and name the file`,
    );
  }
  const json = jsonOf(text);
  // Jaeger's way to say that it found no traces.
  if (status === 404 && json !== undefined && route === '/api/v3/traces') return undefined;
  if (!ok) throw new UserError(`${address}: answers ${status} to ${route}. ${WHAT_TO_NAME}`);
  if (json !== undefined) return json;
  const what = text.trimStart().startsWith('<') ? 'a web page' : 'something else';
  throw new UserError(`${address}: answers ${what} instead of JSON to ${route}. ${WHAT_TO_NAME}`);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function whyNoAnswer(error: Error): string {
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_LIMIT_MS / 1_000} s`;
  const { code, message = error.message } = (error.cause ?? {}) as { code?: string; message?: string };
  if (code === 'ECONNREFUSED') return `nobody listens there (${code}): is Jaeger running? ${WHAT_TO_NAME}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `no such host (${code})`;
  if (code === 'EPROTO' || code?.startsWith('ERR_SSL_'))
    return `does not speak TLS (${code}): try http:// instead`;
  return `no HTTP answer (${code ?? message}). ${WHAT_TO_NAME}`;
}
