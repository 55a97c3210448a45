/** Also the names of the tracer and meter. Equal to package.json's, which a test checks. */
export const PACKAGE_NAME = 'opentelemetry-instrumentation-cancellation';
export const PACKAGE_VERSION = '1.0.0-rc.1';
