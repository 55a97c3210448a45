export const PACKAGE_NAME: string = 'opentelemetry-instrumentation-cancellation';
