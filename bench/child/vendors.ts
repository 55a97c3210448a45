// Set-ups that have nothing of OpenTelemetry, as their own documentation says: started before anything that they watch is loaded.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { SpanSample } from '../messages.ts';
import type { Role, SetUp } from '../plan.ts';
import type { Telemetry } from './telemetry.ts';

export function startVendor(setUp: SetUp, role: Role): Telemetry {
  const load = createRequire(join(process.env.BENCH_VENDORS ?? '', 'index.js'));
  return setUp === 'sentry' ? startSentry(load('@sentry/node'), role) : startDatadog(load);
}

interface SentrySpan {
  readonly name: string;
  readonly status: string;
  readonly attributes: Readonly<Record<string, { readonly value: unknown }>>;
}
type SentryItem = readonly [{ readonly type: string }, { readonly items?: readonly SentrySpan[] }];

interface Sentry {
  init(options: {
    dsn: string;
    tracesSampleRate: number;
    transport: () => {
      send(envelope: readonly [unknown, readonly SentryItem[]]): Promise<{ statusCode: number }>;
      flush(): Promise<boolean>;
    };
  }): void;
  startSpan<T>(options: { name: string; op: string }, run: () => T): T;
  flush(): Promise<boolean>;
}

function startSentry(sentry: Sentry, role: Role): Telemetry {
  let exported = 0;
  let last: SentrySpan | undefined;
  const transport = {
    async send([, items]: readonly [unknown, readonly SentryItem[]]) {
      for (const [, { items: spans = [] }] of items) {
        const ofRole = spans.filter(({ attributes }) =>
          String(attributes['sentry.op']?.value).endsWith(`.${role}`),
        );
        exported += ofRole.length;
        last = ofRole.at(-1) ?? last;
      }
      return { statusCode: 200 };
    },
    flush: async () => true,
  };
  sentry.init({ dsn: 'http://key@127.0.0.1:9/1', tracesSampleRate: 1, transport: () => transport });
  return {
    exported: () => exported,
    sample: () => last && sentrySample(last, role),
    flush: async () => void (await sentry.flush()),
    // An outgoing request has a span only inside of another one: a hundred operations share it.
    around: (run) => sentry.startSpan({ name: 'slice', op: 'task' }, run),
  };
}

function sentrySample({ name, status, attributes }: SentrySpan, role: Role): SpanSample {
  const values = Object.entries(attributes).map(([key, { value }]) => [key, value]);
  return { role, name, attributes: { ...Object.fromEntries(values), '(status)': status }, events: [] };
}

interface Datadog {
  init(options: object): { _tracer: { _exporter: { flush(done: () => void): void } } };
}

/** What it sends is counted where it arrives, by the parent. */
function startDatadog(load: NodeJS.Require): Telemetry {
  process.env.DD_INSTRUMENTATION_TELEMETRY_ENABLED = 'false';
  process.env.DD_REMOTE_CONFIGURATION_ENABLED = 'false';
  const datadog: Datadog = load('dd-trace');
  const tracer = datadog.init({ url: process.env.BENCH_AGENT, startupLogs: false });
  return {
    exported: () => 0,
    sample: () => undefined,
    // It has no flush() for users; without one, sending would fall between the measured stretches.
    flush: () => new Promise((resolve) => tracer._tracer._exporter.flush(() => resolve())),
  };
}
