import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { type Attributes, SpanKind } from '@opentelemetry/api';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { lineOfSpan } from '../../src/telemetry/line-of-span.ts';
import { OwnedSpan } from '../../src/telemetry/owned-span.ts';

const provider = new BasicTracerProvider();
const LIBRARY = '    at Pool.connected (/app/node_modules/pg-pool/index.js:45:11)';

/** Started by this function of the application, or with no frame of it on the stack. */
function start(functionName?: string, attributes: Attributes = {}, scope = 'pg'): OwnedSpan {
  const owned = new OwnedSpan(
    provider.getTracer(scope).startSpan('any', { kind: SpanKind.CLIENT, attributes }),
  );
  const own = functionName === undefined ? '' : `\n    at ${functionName} (/app/shop.js:10:5)`;
  owned.startStack = LIBRARY + own;
  return owned;
}

function lineOf(owned: OwnedSpan, ...others: OwnedSpan[]): string | undefined {
  return lineOfSpan(owned, [...others, owned])?.functionName;
}

describe('the line that started a span', () => {
  it('is that of its own stack', () => assert.equal(lineOf(start('listOrders')), 'listOrders'));

  it('is none where the stack has none', () => assert.equal(lineOf(start()), undefined));

  it('is none where no stack was taken', () => {
    const owned = start('listOrders');
    owned.startStack = undefined;
    assert.equal(lineOf(owned), undefined);
  });

  it('is that which asked the pool, of each of two that asked at a time', () => {
    const asked = [start('listOrders'), start('listVisits')] as const;
    asked[0].span.end();
    const orders = start();
    asked[1].span.end();
    const visits = start();
    assert.equal(lineOf(orders, ...asked, visits), 'listOrders');
    assert.equal(lineOf(visits, ...asked, orders), 'listVisits');
  });

  it('is not that of the query before', () => {
    const before = start('listOrders', { 'db.statement': 'SELECT 1' });
    before.span.end();
    assert.equal(lineOf(start(), before), undefined);
  });

  it('is not that of another instrumentation', () => {
    const other = start('listOrders', {}, 'dns');
    other.span.end();
    assert.equal(lineOf(start(), other), undefined);
  });

  it('is not that of what ended some time before, or has not ended', async () => {
    const open = start('listOrders');
    const over = start('listVisits');
    over.span.end();
    await delay(30);
    assert.equal(lineOf(start(), open, over), undefined);
  });
});
