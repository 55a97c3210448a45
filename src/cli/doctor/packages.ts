/** Packages that the doctor has a word on. */
import { PACKAGE_NAME } from '../../version.ts';

export const API = '@opentelemetry/api';
export const GRPC = '@grpc/grpc-js';

/** Of OpenTelemetry: they make the spans, or export them, and want a certain API. */
export function isSdk(name: string): boolean {
  return /^@opentelemetry\/(sdk-(node|trace|trace-base|trace-node)|exporter-trace-otlp-(http|proto|grpc))$/.test(
    name,
  );
}

/** Spans of which are marked. */
export function isOfficial(name: string): boolean {
  return /^(@opentelemetry\/(instrumentation-.+|auto-instrumentations-node)|@fastify\/otel|@prisma\/instrumentation)$/.test(
    name,
  );
}

const UNTRIED = 'Nobody has tried it beside this package: look whether cancels are on its spans';

/** Products that make spans, or set up an SDK: what there is to say of them. */
const AGENTS: Readonly<Record<string, string>> = {
  '@sentry/node': 'Its own spans are marked where it is the one that makes them: docs/set-ups.md#sentry',
  'dd-trace': 'Its own spans are marked once its TracerProvider is registered: docs/set-ups.md#dd-trace',
  '@vercel/otel': 'The span of Next.js is marked: docs/set-ups.md#nextjs',
  newrelic: UNTRIED,
  'elastic-apm-node': UNTRIED,
  '@elastic/opentelemetry-node': UNTRIED,
  '@azure/monitor-opentelemetry': UNTRIED,
  applicationinsights: UNTRIED,
  '@splunk/otel': UNTRIED,
};

/** Undefined: it is none. */
export function adviceOnAgent(name: string): string | undefined {
  return AGENTS[name];
}

/** What `@opentelemetry/instrumentation-…` is for, where that is a package. */
export function targetOf(official: string): string | undefined {
  const [, name = ''] = /^@opentelemetry\/instrumentation-(.+)$/.exec(official) ?? [];
  const others: Readonly<Record<string, string>> = {
    grpc: GRPC,
    hapi: '@hapi/hapi',
    'nestjs-core': '@nestjs/core',
  };
  return name === '' ? undefined : (others[name] ?? name);
}

export function isKnown(name: string): boolean {
  return (
    name === PACKAGE_NAME ||
    name === API ||
    isSdk(name) ||
    isOfficial(name) ||
    adviceOnAgent(name) !== undefined
  );
}
