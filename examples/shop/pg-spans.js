// Preloaded with stock: the spans of `pg`, by the official instrumentation.
import { createRequire } from 'node:module';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg';

registerInstrumentations({ instrumentations: [new PgInstrumentation({ requireParentSpan: true })] });
// It sees what is loaded by require(); what stock imports then is the same.
createRequire(import.meta.url)('pg');
