/** Where OTLP goes to, and what the exporters would fail on without naming the variable. */
import { textOf, type Variables, type Warn } from './variables.ts';

const BASE_URL = 'http://localhost:4318';

/** The signal's own variable is the whole URL; the path is added to the one that they share. */
export function endpointOf(variables: Variables, signal: 'TRACES' | 'METRICS'): string {
  const specific = textOf(variables, `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`);
  if (specific !== undefined && isHttpUrl(specific)) return new URL(specific).href;
  const shared = textOf(variables, 'OTEL_EXPORTER_OTLP_ENDPOINT');
  const base = shared !== undefined && isHttpUrl(shared) ? shared : BASE_URL;
  return `${base}${base.endsWith('/') ? '' : '/'}v1/${signal.toLowerCase()}`;
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

/** Without what is secret in it. */
export function shownUrl(text: string): string {
  const { origin, pathname } = new URL(text);
  return `${origin}${pathname}`;
}

export function checkEndpoint(variables: Variables, name: string, warn: Warn): void {
  const value = textOf(variables, name);
  if (value === undefined) return;
  if (!isHttpUrl(value)) {
    warn(`${name} must be a URL such as ${BASE_URL}, but is "${value}"; ignored.`);
  } else if (new URL(value).port === '4317') {
    warn(
      `${name} names port 4317, where OTLP over gRPC is usual; all is sent by HTTP, usually to port 4318.`,
    );
  }
}

export function checkProtocol(variables: Variables, signal: 'TRACES' | 'METRICS', warn: Warn): void {
  const specific = `OTEL_EXPORTER_OTLP_${signal}_PROTOCOL`;
  const name = textOf(variables, specific) === undefined ? 'OTEL_EXPORTER_OTLP_PROTOCOL' : specific;
  const protocol = textOf(variables, name);
  // Receivers of http/protobuf take http/json on the same port and path.
  if (protocol === undefined || protocol === 'http/json' || protocol === 'http/protobuf') return;
  // What is said for traces is true of both.
  if (signal === 'METRICS' && name !== specific) return;
  const what = signal.toLowerCase();
  warn(`${name} must be http/json or http/protobuf, but is "${protocol}"; ${what} are sent as http/json.`);
}
