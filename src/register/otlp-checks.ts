/** What the exporters read by themselves, and would fail on without naming the variable. */
import { textOf, type Variables, type Warn } from './variables.ts';

export function checkEndpoint(variables: Variables, name: string, warn: Warn): void {
  const value = textOf(variables, name);
  if (value === undefined) return;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    warn(
      `${name} must be a URL such as http://localhost:4318, but is "${value}"; nothing can be exported to it.`,
    );
  } else if (url.port === '4317') {
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
