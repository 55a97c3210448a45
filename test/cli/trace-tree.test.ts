import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';

import { type DrawOptions, drawTraces as drawExported } from '../../src/cli/trace-tree.ts';
import { isCancelled as isExportedCancelled } from '../../src/spans/cancel.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';

const drawTraces = (spans: readonly FakeSpan[], options: DrawOptions): string =>
  drawExported(spans as unknown as ExportedSpan[], options);
const isCancelled = (span: FakeSpan): boolean => isExportedCancelled(span as unknown as ExportedSpan);

interface FakeSpan {
  spanId: string;
  parentSpanId?: string;
  traceId?: string;
  name?: string;
  kind?: string;
  serviceName?: string;
  attributes?: Record<string, unknown>;
  events?: object[];
  status?: object;
  startMs?: number;
  endMs?: number;
}

function fakeSpan(given: FakeSpan): FakeSpan {
  return {
    traceId: 'a1',
    name: 'GET',
    kind: 'client',
    serviceName: 'browser',
    attributes: {},
    events: [],
    status: { code: 'unset', message: '' },
    startMs: 1000,
    endMs: 1100,
    ...given,
  };
}

function cancelledSpan({ attributes, events = [], ...given }: FakeSpan, atMs = 1050): FakeSpan {
  return fakeSpan({
    ...given,
    attributes: {
      'context.canceled': true,
      'cancel.initiator': 'local',
      'cancel.trigger': 'destroy',
      'cancel.phase': 'wait',
      ...attributes,
    },
    events: [{ name: 'context.canceled', timeMs: atMs, attributes: {} }, ...events],
  });
}

function draw(...spans: FakeSpan[]): string {
  return drawTraces(spans, { cwd: '/app', isColoured: false });
}

describe('isCancelled', () => {
  test('is about the two marks, and only when they are true', () => {
    assert.equal(isCancelled(fakeSpan({ spanId: '1', attributes: { 'context.canceled': true } })), true);
    assert.equal(isCancelled(fakeSpan({ spanId: '1', attributes: { deadline_exceeded: true } })), true);
    assert.equal(isCancelled(fakeSpan({ spanId: '1', attributes: { 'context.canceled': false } })), false);
    assert.equal(isCancelled(fakeSpan({ spanId: '1', status: { code: 'error', message: '' } })), false);
  });
});

describe('drawTraces', () => {
  test('a cancelled trace is drawn as an aligned tree with who, why, when, phase and origin', () => {
    const text = draw(
      cancelledSpan(
        {
          spanId: '3',
          parentSpanId: '2',
          serviceName: 'gateway',
          name: 'shop.Orders/PlaceOrder',
          startMs: 1010,
          endMs: 1201.4,
          attributes: { 'cancel.initiator': 'inherited', 'cancel.trigger': 'cancel' },
        },
        1201,
      ),
      cancelledSpan(
        {
          spanId: '1',
          name: 'POST',
          endMs: 1200,
          attributes: {
            'url.full': 'http://127.0.0.1:3000/checkout/sofa',
            'cancel.origin': 'leaveCheckout (/app/examples/shop/load.js:42:11)',
          },
        },
        1200,
      ),
      cancelledSpan(
        {
          spanId: '2',
          parentSpanId: '1',
          serviceName: 'gateway',
          name: 'POST',
          kind: 'server',
          startMs: 1004,
          endMs: 1200.8,
          attributes: {
            'url.path': '/checkout/sofa',
            'cancel.initiator': 'peer',
            'cancel.trigger': 'disconnect',
            'cancel.phase': 'handle',
          },
        },
        1200.5,
      ),
      fakeSpan({
        spanId: '4',
        parentSpanId: '2',
        serviceName: 'gateway',
        name: 'audit',
        kind: 'internal',
        startMs: 1100,
        endMs: 1100.25,
        status: { code: 'error', message: '' },
      }),
    );
    assert.equal(
      text,
      `trace a1  4 spans, 3 cancelled
                                          took            when       who        why         phase
browser → POST /checkout/sofa           200 ms  canceled  at 200 ms  local      destroy     wait
│  at leaveCheckout (examples/shop/load.js:42:11)
└─ gateway ← POST /checkout/sofa        197 ms  canceled  at 201 ms  peer       disconnect  handle
   ├─ gateway → shop.Orders/PlaceOrder  191 ms  canceled  at 201 ms  inherited  cancel      wait
   └─ gateway · audit                   0.3 ms  failed

`,
    );
  });

  test('details keep the rails of the tree', () => {
    const origin = { 'cancel.origin': 'f (/app/a.js:1:2)' };
    const lines = draw(
      fakeSpan({ spanId: '1' }),
      cancelledSpan({ spanId: '2', parentSpanId: '1', attributes: origin }),
      fakeSpan({ spanId: '3', parentSpanId: '2' }),
      cancelledSpan({ spanId: '4', parentSpanId: '1', attributes: origin, startMs: 1001 }),
    )
      .split('\n')
      .slice(2);
    assert.match(lines[1] ?? '', /^├─ /);
    assert.equal(lines[2], '│  │  at f (a.js:1:2)');
    assert.match(lines[3] ?? '', /^│ {2}└─ /);
    assert.match(lines[4] ?? '', /^└─ /);
    assert.equal(lines[5], '      at f (a.js:1:2)');
  });

  test('traces without a cancelled span are left out', () => {
    assert.equal(draw(), '');
    assert.equal(draw(fakeSpan({ spanId: '1' })), '');
    const text = draw(cancelledSpan({ spanId: '1' }), fakeSpan({ traceId: 'b2', spanId: '2' }));
    assert.match(text, /trace a1/);
    assert.doesNotMatch(text, /b2/);
  });

  test('traces come in the order in which they started', () => {
    const text = draw(
      cancelledSpan({ traceId: 'late', spanId: '1', startMs: 2000 }),
      cancelledSpan({ traceId: 'early', spanId: '2', startMs: 1000 }),
    );
    assert.ok(text.indexOf('trace early') < text.indexOf('trace late'));
  });

  test('a missed deadline is told from a cancel', () => {
    const span = fakeSpan({
      spanId: '1',
      attributes: { deadline_exceeded: true, 'cancel.initiator': 'local' },
      events: [{ name: 'deadline_exceeded', timeMs: 1150, attributes: {} }],
    });
    assert.match(draw(span), /deadline {2}at 150 ms {2}local {2}\? {4}\?/);
  });

  test('reason, wasted work and findings are shown below their span', () => {
    const text = draw(
      cancelledSpan({
        spanId: '1',
        attributes: { 'cancel.reason': 'user left' },
        events: [
          {
            name: 'cancel.finding',
            attributes: { 'cancel.finding.rule': 'late_operation', 'cancel.finding.detail': 'POST' },
          },
          { name: 'cancel.finding', attributes: { 'cancel.finding.rule': 'work_after_cancel' } },
        ],
      }),
      fakeSpan({
        spanId: '2',
        parentSpanId: '1',
        kind: 'internal',
        name: 'work after cancel',
        attributes: { 'cancel.wasted_ms': 380.2, 'cancel.late_writes': 1, 'cancel.late_messages': 2 },
      }),
    );
    assert.match(text, /^│ {2}because “user left”$/m);
    assert.match(text, /^│ {2}! late_operation: POST$/m);
    assert.match(text, /^│ {2}! work_after_cancel$/m);
    assert.match(text, /^ {6}wasted 380 ms, late writes: 1, late messages: 2, late operations: 0$/m);
  });

  test('only an origin inside the working directory is shortened', () => {
    for (const [origin, shown] of [
      ['leave (/app/shop/load.js:1:2)', 'leave (shop/load.js:1:2)'],
      ['leave (file:///app/shop/load.js:1:2)', 'leave (shop/load.js:1:2)'],
      ['/app/load.js:1:2', 'load.js:1:2'],
      ['Timeout.leave [as _onTimeout] (/app/load.js:1:2)', 'Timeout.leave [as _onTimeout] (load.js:1:2)'],
      ['leave (/app/a (copy)/load.js:1:2)', 'leave (a (copy)/load.js:1:2)'],
      ['leave (/workshop/load.js:1:2)', 'leave (/workshop/load.js:1:2)'],
      ['leave (/home/app/load.js:1:2)', 'leave (/home/app/load.js:1:2)'],
      ['leave (node:internal/timers:1:2)', 'leave (node:internal/timers:1:2)'],
    ]) {
      const text = draw(cancelledSpan({ spanId: '1', attributes: { 'cancel.origin': origin } }));
      assert.ok(text.includes(`   at ${shown}\n`), text);
    }
  });

  test('the path and the query tell HTTP spans with the same name apart', () => {
    const named = (name: string, attributes: Record<string, unknown>) =>
      draw(cancelledSpan({ spanId: '1', name, attributes }));
    assert.match(named('GET', { 'url.full': 'http://a/stock/1?warehouse=south' }), /GET \/stock\/1\?wareh/);
    assert.match(named('GET', { 'url.path': '/stock/1', 'url.query': 'a=b' }), /GET \/stock\/1\?a=b/);
    assert.match(named('GET', { 'http.target': '/stock/2' }), /GET \/stock\/2/);
    assert.match(named('GET /stock/:id', { 'url.path': '/stock/3' }), /GET \/stock\/:id {2}/);
    assert.match(named('GET', { 'url.full': 'not a url' }), /→ GET {2}/);
  });

  test('a span whose parent is missing is drawn as a root', () => {
    const text = draw(
      fakeSpan({ spanId: '1', serviceName: 'first' }),
      cancelledSpan({ spanId: '2', parentSpanId: 'lost', serviceName: 'second', startMs: 1001 }),
    );
    assert.match(text, /^first → GET/m);
    assert.match(text, /^second → GET/m);
  });

  test('control characters from outside never reach the terminal', () => {
    const attributes = { 'cancel.reason': 'a\u001b[2Jb\nc', 'cancel.origin': 'f\u0007 (x.js:1:1)' };
    const text = draw(cancelledSpan({ spanId: '1', name: 'G\u009bET', serviceName: 's\r', attributes }));
    assert.match(text, /because “a \[2Jb c”/);
    assert.doesNotMatch(text.replaceAll('\n', ''), /\p{Cc}/u);
  });

  test('colours are on demand, and change nothing but the colours', () => {
    const span = cancelledSpan({ spanId: '1', attributes: { 'cancel.origin': 'f (x.js:1:1)' } });
    const coloured: string = drawTraces([span], { cwd: '/app', isColoured: true });
    assert.ok(coloured.includes('\u001b[31m'));
    assert.equal(stripVTControlCharacters(coloured), draw(span));
  });
});
