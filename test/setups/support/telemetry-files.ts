/** Set-ups in code, with the class. The README's where it has one, as it stands there. */
import { classSnippet } from './readme.ts';
import type { ModuleType } from './shop.ts';

const batch3 = `import { context, propagation, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { CancellationInstrumentation } from 'opentelemetry-instrumentation-cancellation';

const exporter = new OTLPTraceExporter();
context.setGlobalContextManager(new AsyncLocalStorageContextManager());
propagation.setGlobalPropagator(new W3CTraceContextPropagator());
trace.setGlobalTracerProvider(new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter })] }));
registerInstrumentations({ instrumentations: [new CancellationInstrumentation()] });
`;

const batch2 = `import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation } from 'opentelemetry-instrumentation-cancellation';

const exporter = new OTLPTraceExporter();
new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] }).register();
registerInstrumentations({ instrumentations: [new CancellationInstrumentation()] });
`;

const nodeSdk = `import { NodeSDK } from '@opentelemetry/sdk-node';
import { CancellationInstrumentation } from 'opentelemetry-instrumentation-cancellation';

new NodeSDK({ instrumentations: [new CancellationInstrumentation()] }).start();
`;

export type TelemetryName = 'provider 2.x' | 'provider 3.x' | 'NodeSDK';

const texts: Record<TelemetryName, string> = {
  'provider 2.x': classSnippet('@opentelemetry/sdk-trace-node') ?? batch2,
  'provider 3.x': classSnippet('@opentelemetry/sdk-trace') ?? batch3,
  NodeSDK: classSnippet('@opentelemetry/sdk-node') ?? nodeSdk,
};

export function telemetryFile(name: TelemetryName, type: ModuleType): string {
  return type === 'module' ? texts[name] : asCommonJs(texts[name]);
}

function asCommonJs(text: string): string {
  return text
    .replaceAll(/^import \{(.*?)\} from ('.*?');/gms, 'const {$1} = require($2);')
    .replaceAll(/^import ('.*?');/gm, 'require($1);');
}
