import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { context, SpanKind } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import { CancellationInstrumentation, type CancellationInstrumentationConfig } from '../../src/index.ts';

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const server = http.createServer((_request, response) => {
  http.get({ port: silentPort, path: '/token/s3cret' }).on('error', () => {});
  response.on('close', () => {});
});
const silent = http.createServer(() => {});
for (const listening of [server, silent]) await once(listening.listen(0, '127.0.0.1'), 'listening');
const { port } = server.address() as AddressInfo;
const { port: silentPort } = silent.address() as AddressInfo;
after(() => {
  for (const listening of [server, silent]) listening.close().closeAllConnections();
});

/** A request to `/token/s3cret` that is aborted, with the secret in its reason. */
async function spansOfCancel(config: CancellationInstrumentationConfig): Promise<ReadableSpan[]> {
  const exporter = new InMemorySpanExporter();
  const instrumentation = new CancellationInstrumentation(config);
  instrumentation.setTracerProvider(
    new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  );
  try {
    const request = http.get({ port, path: '/token/s3cret?user=ann', headers: { 'user-agent': 's3cret' } });
    request.on('error', () => {});
    setTimeout(function leaveWithSecret() {
      request.destroy(new Error('user s3cret has left'));
    }, 30);
    await delay(120);
    silent.closeAllConnections();
    await delay(30);
    const failing = http.get({ port: 1, path: '/s3cret' });
    await new Promise((resolve) => failing.on('error', resolve));
    await delay(10);
  } finally {
    instrumentation.disable();
  }
  return exporter.getFinishedSpans();
}

/** All that an exporter is given of the spans. */
const textOf = (spans: readonly ReadableSpan[]): string =>
  JSON.stringify(spans.map(({ attributes, events, status, links }) => [attributes, events, status, links]));

const cancelledOf = (spans: readonly ReadableSpan[], kind: SpanKind): ReadableSpan | undefined =>
  spans.find((span) => span.kind === kind && span.attributes['context.canceled'] === true);

it('unless told, reasons and paths are written as they are', async () => {
  const text = textOf(await spansOfCancel({}));
  assert.match(text, /user s3cret has left/);
  assert.match(text, /leaveWithSecret/);
});

it('captureReason: false, and no reason is written; who, where and the stack are', async () => {
  const spans = await spansOfCancel({ captureReason: false });
  assert.doesNotMatch(textOf(spans), /has left/);
  const client = cancelledOf(spans, SpanKind.CLIENT);
  assert.equal(client?.attributes['cancel.initiator'], 'local');
  assert.match(String(client?.attributes['cancel.origin']), /leaveWithSecret/);
});

for (const [form, redact] of Object.entries({
  patterns: [/s3cret/, 'leaveWithSecret|redaction\\.test'],
  'a function': (_key: string, value: string) =>
    value.replaceAll(/s3cret|leaveWithSecret|redaction\.test/g, 'REDACTED'),
})) {
  it(`redact, ${form}: no attribute, event or status says it`, async () => {
    const spans = await spansOfCancel({ redact });
    const text = textOf(spans);
    assert.doesNotMatch(text, /s3cret|leaveWithSecret|redaction\.test/);
    assert.match(text, /user REDACTED has left/);
    assert.match(text, /\/token\/REDACTED\?user=ann/);
    assert.ok(cancelledOf(spans, SpanKind.SERVER)?.events.some(({ name }) => name === 'cancel.pending'));
  });
}

it('a function is told which text it is, and leaves out what it returns nothing for', async () => {
  const keys = new Set<string>();
  const spans = await spansOfCancel({
    redact(key, value) {
      keys.add(key);
      return key === 'cancel.stacktrace' || key === 'code.stacktrace' ? undefined : value;
    },
  });
  for (const key of [
    'cancel.reason',
    'url.full',
    'url.path',
    'cancel.pending.origin',
    'otel.status_description',
  ])
    assert.ok(keys.has(key), key);
  assert.doesNotMatch(textOf(spans), /stacktrace/);
  assert.match(textOf(spans), /leaveWithSecret/); // cancel.origin
});

it('what a function throws for is left out, and the application does not notice', async () => {
  const spans = await spansOfCancel({
    redact(key, value) {
      if (key === 'cancel.reason') throw new Error('of the application');
      return value;
    },
  });
  assert.doesNotMatch(textOf(spans), /has left/);
  assert.ok(cancelledOf(spans, SpanKind.CLIENT) !== undefined);
});

for (const [redact, message] of [
  ['secret', /Option "redact" must be a function, or an array of regular expressions, but is 'secret'/],
  [[/a/, 7], /Option "redact\[1\]" must be a regular expression or the text of one, but is number/],
  [['('], /Option "redact\[0\]" must be a regular expression: .*\(/],
] as const) {
  it(`redact: ${String(redact)} is refused`, () => {
    assert.throws(
      () => new CancellationInstrumentation({ enabled: false, redact: redact as never }),
      message,
    );
  });
}
