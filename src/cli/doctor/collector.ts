/** Asks the address to which spans go, as an exporter does: by OTLP as JSON. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import { textOf, type Variables } from '../../register/variables.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The header Date. */
  readonly date: string | undefined;
  /** Unix time, in ms. */
  readonly sentMs: number;
  readonly receivedMs: number;
}

const LIMIT_MS = 5_000;

/** @param traceId of a span to send. Undefined: none is, which is an empty export */
export async function ask(url: string, variables: Variables, traceId: string | undefined): Promise<Answer> {
  const body = JSON.stringify({ resourceSpans: traceId === undefined ? [] : [oneSpan(traceId)] });
  const { request } = url.startsWith('https:') ? https : http;
  const sentMs = Date.now();
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request(url, {
      method: 'POST',
      headers: { ...headersIn(variables), 'content-type': 'application/json' },
      ...certificatesIn(variables),
      signal: AbortSignal.timeout(LIMIT_MS),
      agent: false,
    })
      .on('response', resolve)
      .on('error', reject)
      .end(body);
  });
  const receivedMs = Date.now();
  const { statusCode: status = 0, headers } = response;
  return { status, body: await text(response), date: headers.date, sentMs, receivedMs };
}

export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

function oneSpan(traceId: string): object {
  const nowNanos = `${Date.now()}000000`;
  const span = {
    traceId,
    spanId: randomBytes(8).toString('hex'),
    name: 'cancel-trace doctor',
    kind: 1,
    startTimeUnixNano: nowNanos,
    endTimeUnixNano: nowNanos,
  };
  const service = { key: 'service.name', value: { stringValue: 'cancel-trace-doctor' } };
  return {
    resource: { attributes: [service] },
    scopeSpans: [{ scope: { name: 'cancel-trace' }, spans: [span] }],
  };
}

function headersIn(variables: Variables): Record<string, string> {
  return {
    ...headersOf(variables, 'OTEL_EXPORTER_OTLP_HEADERS'),
    ...headersOf(variables, 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'),
  };
}

/** `name=value,name=value`, percent-encoded. */
function headersOf(variables: Variables, name: string): Record<string, string> {
  const pairs = (textOf(variables, name) ?? '').split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at <= 0 ? [] : [[pair.slice(0, at), pair.slice(at + 1)].map((part) => decoded(part.trim()))];
  });
  return Object.fromEntries(pairs);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function certificatesIn(variables: Variables): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  const fileOf = (what: string): Buffer | undefined => {
    const file =
      textOf(variables, `OTEL_EXPORTER_OTLP_TRACES_${what}`) ??
      textOf(variables, `OTEL_EXPORTER_OTLP_${what}`);
    return file === undefined ? undefined : readFileSync(file);
  };
  const [ca, cert, key] = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].map(fileOf);
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}
