/** The official instrumentation, whose spans are adopted. */
export const OFFICIAL_SCOPE = '@opentelemetry/instrumentation-http';

/** Whose spans are taken for those of HTTP requests, here and below. */
export const SERVER_SCOPES: readonly string[] = [
  OFFICIAL_SCOPE,
  'dd-trace:http',
  '@sentry/node:auto.http.http_server',
];

export const CLIENT_SCOPES: readonly string[] = [
  OFFICIAL_SCOPE,
  'dd-trace:http',
  '@sentry/node:auto.http.client',
];

/** Made below our hook, see next.ts. */
export const NEXT_SCOPES: readonly string[] = ['next.js'];
