/** The official instrumentation, whose spans are adopted. */
export const OFFICIAL_SCOPE = '@opentelemetry/instrumentation-http';
