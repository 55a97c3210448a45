/** Asks a Jaeger for spans, by its stable query API, /api/v3, of any span of time, some traces at a time. */

import { groupBy } from './group-by.ts';
import { spansOfOtlp } from './otlp.ts';
import { isFields, ShapeError } from './shape.ts';
import type { Reading } from './source.ts';
import type { ExportedSpan } from './span.ts';
import { UserError } from './user-error.ts';

export interface JaegerQuestion {
  /** Undefined: all. */
  readonly service: string | undefined;
  /** Unix time in ms. */
  readonly startMs: number;
  /** Unix time in ms. */
  readonly endMs: number;
}

/** Traces of an answer. Jaeger has no pages: who has as many asks for a shorter time. A storage may refuse a larger number. */
const MAX_TRACES = 100;
/** Bytes of an answer; more are asked for in a shorter time, too. */
const MAX_ANSWER = 64 * 2 ** 20;
const ANSWER_LIMIT_MS = 30_000;

/**
 * @param address of its user interface, such as `http://localhost:16686`
 * @throws {UserError} when it does not answer as Jaeger does
 */
export async function* askJaeger(
  address: string,
  question: JaegerQuestion,
  reading: Reading,
): AsyncGenerator<ExportedSpan[]> {
  const { service, startMs, endMs } = question;
  const known = await servicesOf(address, reading);
  if (service !== undefined && !known.includes(service)) {
    throw new UserError(`${address}: no service ${service}, only ${known.join(', ') || 'none at all'}`);
  }
  for (const name of service === undefined ? known : [service]) {
    const time: Time = { startUs: Math.floor(startMs * 1_000), endUs: Math.ceil(endMs * 1_000) };
    yield* pagesOf(address, name, time, reading);
  }
}

/** Jaeger counts in µs, both ends included. */
interface Time {
  readonly startUs: number;
  readonly endUs: number;
}

/** An answer that may lack some is asked for again, in two halves: whatever the order in which a storage answers, none is missed. */
async function* pagesOf(
  address: string,
  service: string,
  time: Time,
  reading: Reading,
): AsyncGenerator<ExportedSpan[]> {
  const { startUs, endUs } = time;
  const answer = await ask(address, `/api/v3/traces?${queryOf(service, time)}`, reading);
  const spans = answer === TOO_LARGE ? undefined : spansIn(answer, address);
  const count = spans === undefined ? MAX_TRACES : groupBy(spans, ({ traceId }) => traceId).size;
  if (count >= MAX_TRACES && startUs < endUs) {
    const middleUs = Math.floor((startUs + endUs) / 2);
    yield* pagesOf(address, service, { startUs, endUs: middleUs }, reading);
    yield* pagesOf(address, service, { startUs: middleUs + 1, endUs }, reading);
    return;
  }
  if (count >= MAX_TRACES)
    reading.onLeftOut?.(
      `${address}: traces of ${service} at ${isoOf(startUs)}: ${spans === undefined ? 'too large' : `more than ${MAX_TRACES}`}`,
    );
  if (spans !== undefined) yield spans;
}

async function servicesOf(address: string, reading: Reading): Promise<string[]> {
  const answer = await ask(address, '/api/v3/services', reading);
  const services = isFields(answer) ? (answer.services ?? []) : undefined;
  if (Array.isArray(services)) return services.map(String);
  throw new UserError(`${address}: answers JSON, but not as a Jaeger does. ${WHAT_TO_NAME}`);
}

function queryOf(service: string, { startUs, endUs }: Time): URLSearchParams {
  const query = new URLSearchParams();
  // Each version ignores the names that it does not know.
  for (const [name, oldName, value] of [
    ['serviceName', 'service_name', service],
    ['startTimeMin', 'start_time_min', isoOf(startUs)],
    ['startTimeMax', 'start_time_max', isoOf(endUs)],
    ['searchDepth', 'num_traces', MAX_TRACES],
  ] as const) {
    query.set(`query.${name}`, String(value));
    query.set(`query.${oldName}`, String(value));
  }
  return query;
}

function isoOf(us: number): string {
  const ms = Math.floor(us / 1_000);
  return new Date(ms).toISOString().replace('Z', `${String(us - ms * 1_000).padStart(3, '0')}Z`);
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

const TOO_LARGE = Symbol('an answer that is not read');

/** @returns undefined: there is nothing of what was asked for */
async function ask(address: string, path: string, reading: Reading): Promise<unknown> {
  let response: Response;
  let text: string | undefined;
  try {
    response = await fetch(address.replace(/\/$/, '') + path, {
      signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    });
    text = await textOf(response, reading);
  } catch (error) {
    throw new UserError(`${address}: ${whyNoAnswer(error as Error)}`);
  }
  if (text === undefined) return TOO_LARGE;
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

/** @returns undefined: it is too large */
async function textOf({ body }: Response, { onRead }: Reading): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    onRead?.(chunk.length);
    bytes += chunk.length;
    if (bytes > MAX_ANSWER) return undefined; // leaving the loop cancels what is left of it
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
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
