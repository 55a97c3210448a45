/** What an export failed by, and what to do about it, in the words of whoever looks after the process. */

interface Failure {
  readonly code?: string | number | undefined;
  readonly message?: string;
  /** Of attempts at several addresses of a host. */
  readonly errors?: readonly Failure[];
}

const PATHS =
  'OTEL_EXPORTER_OTLP_ENDPOINT is the base URL, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT and …_METRICS_ENDPOINT are whole ones.';
const OTHER_PROTOCOL = 'Is it OTLP over HTTP? That of gRPC is usually on port 4317, that of HTTP on 4318.';
const UNTRUSTED = 'Name the authority by OTEL_EXPORTER_OTLP_CERTIFICATE or NODE_EXTRA_CA_CERTS.';

/** By HTTP status, or by Node's code. */
const ADVICE: Readonly<Record<string, string>> = {
  ECONNREFUSED:
    'Is a collector or Jaeger running there? One for a try: docker run -d -p 16686:16686 -p 4318:4318 jaegertracing/jaeger',
  ECONNRESET: OTHER_PROTOCOL,
  EPIPE: OTHER_PROTOCOL,
  HPE_INVALID_CONSTANT: OTHER_PROTOCOL,
  ENOTFOUND: 'Is the name right, and known here?',
  EAI_AGAIN: 'Is the name right, and its DNS server reachable?',
  EHOSTUNREACH: 'Is the host up, and a route to it?',
  ENETUNREACH: 'Is there a route to its network?',
  ETIMEDOUT: 'Is the host up, and the port open?',
  ERR_ACCESS_DENIED: '--permission wants --allow-worker beside it and, where it has it, --allow-net.',
  EPROTO: 'Does it speak TLS? If not, its URL begins with http:.',
  ERR_SSL_WRONG_VERSION_NUMBER: 'Does it speak TLS? If not, its URL begins with http:.',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'Does it speak TLS? If not, its URL begins with http:.',
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  CERT_HAS_EXPIRED: 'Its certificate has to be renewed.',
  ERR_TLS_CERT_ALTNAME_INVALID: 'Its certificate is of another name than that in the URL.',
  400: `Does it take OTLP as JSON, and by http: rather than https:? ${PATHS}`,
  401: 'Credentials go into OTEL_EXPORTER_OTLP_HEADERS.',
  403: 'Credentials go into OTEL_EXPORTER_OTLP_HEADERS.',
  404: `Is the path right? ${PATHS}`,
  405: `Is the path right? ${PATHS}`,
  413: 'Make batches smaller by OTEL_BSP_MAX_EXPORT_BATCH_SIZE.',
  415: 'It must take OTLP over HTTP as JSON (application/json).',
};

/** What the exporter says of an answer without saying which it was. */
const BY_EXPORTER: Readonly<Record<string, string>> = {
  'Export failed with retryable status': 'answered 429, 502, 503 or 504 to each attempt',
};

/** One line. */
export function explain(error: unknown): string {
  const { cause, advice } = diagnose(error);
  return advice === undefined ? `${cause}.` : `${cause}. ${advice}`;
}

export function diagnose(error: unknown): { cause: string; advice: string | undefined } {
  const failure = (error ?? {}) as Failure;
  const { code, message = '' } = failure.errors?.find((each) => each.code !== undefined) ?? failure;
  const cause = oneLine(
    typeof code === 'number'
      ? `answered ${code} ${message}`
      : (BY_EXPORTER[message] ?? (message || String(code ?? error))),
  );
  return { cause, advice: code === undefined ? undefined : ADVICE[code] };
}

const MAX_CAUSE = 300;

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, MAX_CAUSE);
}
