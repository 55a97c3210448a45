import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type JaegerServer, startJaeger } from '../../support/jaeger.ts';
import { findOrBuildJaeger } from '../../support/jaeger-binary.ts';
import { eventually, findTraces, type JaegerSpan } from '../../support/jaeger-query.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const CLIENT = 3;
const SERVER = 2;
const ALL = ['browser', 'gateway', 'orders', 'stock'];

describe('the shop, seen in a real Jaeger', () => {
  let unavailable: string | undefined;
  let jaeger: JaegerServer | undefined;
  let since: Date;

  before(async () => {
    const found = await findOrBuildJaeger();
    if ('unavailable' in found) {
      unavailable = found.unavailable;
      return;
    }
    jaeger = await startJaeger(found.binary);
    since = new Date(Date.now() - 1_000);
    const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: jaeger.otlpHttpUrl };
    await promisify(execFile)(process.execPath, ['examples/demo.js'], { cwd: root, env });
  });
  after(() => jaeger?.stop());

  /** The trace that has this tag, true if not told otherwise, on a span of the gateway, once spans of `complete` have all arrived in it. */
  async function traceWith(
    t: TestContext,
    tag: string,
    spanName: string,
    complete: readonly string[],
    value = 'true',
  ): Promise<JaegerSpan[] | undefined> {
    if (jaeger === undefined) {
      t.skip(unavailable);
      return undefined;
    }
    const { queryUrl } = jaeger;
    return await eventually(async () => {
      const traces = await findTraces(queryUrl, { service: 'gateway', attributes: { [tag]: value }, since });
      return traces.find(
        (trace) =>
          trace.some(({ name }) => name === spanName) &&
          complete.every((service) => trace.some(({ serviceName }) => serviceName === service)),
      );
    }, `${tag}, ${spanName}`);
  }

  it('finds the browser that left by context.canceled, through all three services to the last request', async (t) => {
    const trace = await traceWith(t, 'context.canceled', 'shop.Orders/PlaceOrder', ALL);
    if (trace === undefined) return;
    const chain = chainOf(trace);
    assert.deepEqual(
      chain.map((span) => [
        span.serviceName,
        span.kind === CLIENT ? 'client' : 'server',
        span.attributes['cancel.initiator'],
        span.attributes['cancel.trigger'],
      ]),
      [
        ['browser', 'client', 'local', 'destroy'],
        ['gateway', 'server', 'peer', 'disconnect'],
        ['gateway', 'client', 'inherited', 'cancel'],
        ['orders', 'server', 'peer', 'reset'],
        ['orders', 'client', 'inherited', 'destroy'],
        ['stock', 'server', 'peer', 'disconnect'],
      ],
    );
    assert.match(
      String(chain[0]?.attributes['cancel.origin']),
      /^leaveCheckout \(.*examples\/shop\/load\.js:\d+:\d+\)$/,
    );
    assert.match(String(chain[2]?.attributes['cancel.origin']), /examples\/shop\/gateway\.js:\d+:\d+\)$/);
    assert.match(String(chain[4]?.attributes['cancel.origin']), /examples\/shop\/orders\.js:\d+:\d+\)$/);
    for (const span of chain) checkEvent(span);
    // What inherited its cancel leads to what it inherited it from.
    for (const [index, span] of chain.entries()) {
      if (span.attributes['cancel.initiator'] !== 'inherited') continue;
      const cause = chain[index - 1];
      assert.equal(span.attributes['cancel.cause.span_id'], cause?.spanId);
      // Its parent: Jaeger keeps one reference for that and for the link, and it stays a child's.
      assert.equal(span.parentSpanId, cause?.spanId);
      assert.deepEqual(span.links, []);
    }
    const stack = String(chain[2]?.attributes['cancel.stacktrace']);
    assert.ok(stack.split('\n').length > 1, `a stack with line breaks: ${stack}`);
  });

  it('finds the missed gRPC deadline by deadline_exceeded', async (t) => {
    const trace = await traceWith(t, 'deadline_exceeded', 'shop.Orders/EstimateDelivery', [
      'browser',
      'gateway',
      'orders',
    ]);
    if (trace === undefined) return;
    const client = trace.find((span) => span.kind === CLIENT && span.name === 'shop.Orders/EstimateDelivery');
    assert.equal(client?.attributes['cancel.initiator'], 'local');
    assert.equal(client.attributes['cancel.trigger'], 'deadline');
    assert.match(
      String(client.attributes['cancel.origin']),
      /^estimateDelivery \(.*examples\/shop\/gateway\.js:/,
    );
    assert.ok(Number(client.attributes['deadline.deviation_ms']) >= 0);
    checkEvent(client);
    const server = trace.find((span) => span.kind === SERVER && span.serviceName === 'orders');
    assert.equal(server?.parentSpanId, client.spanId);
    assert.equal(server.attributes['deadline.source'], 'grpc-timeout');
  });

  it('finds the explicit abort with its reason', async (t) => {
    const trace = await traceWith(t, 'cancel.trigger', 'GET', ['browser', 'gateway', 'stock'], 'abort');
    if (trace === undefined) return;
    const aborted = trace.filter((span) => span.attributes['cancel.trigger'] === 'abort');
    assert.equal(aborted.length, 1);
    assert.equal(aborted[0]?.attributes['cancel.reason'], 'a faster warehouse answered');
    assert.match(
      String(aborted[0]?.attributes['cancel.origin']),
      /^findStock \(.*examples\/shop\/gateway\.js:/,
    );
  });

  it('finds the query that ran for nobody, and how far its request was told to stop', async (t) => {
    const trace = await traceWith(t, 'context.canceled', 'pg.query:INSERT postgres', ['browser', 'stock']);
    if (trace === undefined) return;
    const query = trace.find(({ name }) => name === 'pg.query:SELECT postgres');
    assert.equal(query?.attributes['cancel.finding'], 'cancel_not_propagated');
    const main = join(root, 'dist/cli/main.js');
    const args = ['report', String(jaeger?.queryUrl), '--trace', String(query?.traceId).slice(0, 12)];
    const path = await new Promise<string>((resolve) =>
      execFile(process.execPath, [main, ...args], (_error, stdout) => resolve(stdout)),
    );
    assert.match(path, / stock ← GET \/inventory\/south +peer: disconnect +[\d.]+ ms +✗ +✗ +\d{3} ms$/m);
    assert.match(path, /─ \? ← pg\.query:SELECT postgres +not told +– +– +\d{3} ms$/m);
  });
});

/** The longest line of parents and children that were all cancelled, from the root on. */
function chainOf(trace: readonly JaegerSpan[]): JaegerSpan[] {
  const chain: JaegerSpan[] = [];
  let parentSpanId: string | undefined;
  for (;;) {
    const next = trace.find((span) => span.parentSpanId === parentSpanId && isCancelled(span));
    if (next === undefined) return chain;
    chain.push(next);
    parentSpanId = next.spanId;
  }
}

function isCancelled({ attributes }: JaegerSpan): boolean {
  return attributes['context.canceled'] === true || attributes.deadline_exceeded === true;
}

function checkEvent(span: JaegerSpan): void {
  const name = span.attributes['context.canceled'] === true ? 'context.canceled' : 'deadline_exceeded';
  const events = span.events.filter((event) => event.name === name);
  assert.equal(events.length, 1, `${span.serviceName} ${span.name} has one event ${name}`);
  assert.equal(events[0]?.attributes['code.stacktrace'], span.attributes['cancel.stacktrace']);
}
