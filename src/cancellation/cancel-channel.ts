/** Of `diagnostics_channel`: with `trackAsync` it is told at each cancel, whoever listens. All copies of this package tell the same. */
export const CANCEL_CHANNEL = 'opentelemetry-instrumentation-cancellation.cancel';
