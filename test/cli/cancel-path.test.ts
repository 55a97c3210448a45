/** Paths of cancels in traces as they should not be, and as they are when somebody else made some of the spans. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { drawPaths } from '../../src/cli/cancel-path-text.ts';
import { cancelPathsOf, worstOf } from '../../src/spans/path/cancel-path.ts';
import type { ExportedSpan, SpanEvent } from '../../src/spans/span.ts';

type Given = Partial<ExportedSpan> & Pick<ExportedSpan, 'spanId'>;

/** Of a trace that began at 0 ms. */
function span(given: Given): ExportedSpan {
  const { startMs = 0, endMs = 200 } = given;
  return {
    traceId: 'a1',
    parentSpanId: undefined,
    name: 'GET',
    kind: 'server',
    serviceName: 'gateway',
    scopeName: '',
    startMs,
    endMs,
    durationMs: endMs - startMs,
    status: { code: 'unset', message: '' },
    attributes: {},
    events: [],
    links: [],
    ...given,
  };
}

/** @param how `initiator trigger`, at the end of the span if not told otherwise */
function cancelled(how: string, given: Given, atMs = given.endMs ?? 200): ExportedSpan {
  const [initiator, trigger] = how.split(' ');
  return span({
    ...given,
    attributes: {
      'context.canceled': true,
      'cancel.initiator': initiator,
      'cancel.trigger': trigger,
      ...given.attributes,
    },
    events: [{ name: 'context.canceled', timeMs: atMs, attributes: {} }, ...(given.events ?? [])],
  });
}

function finding(rule: string, detail = 'so it is'): SpanEvent {
  return {
    name: 'cancel.finding',
    timeMs: 0,
    attributes: { 'cancel.finding.rule': rule, 'cancel.finding.detail': detail },
  };
}

function workAfterCancel(parentSpanId: string, wastedMs: number, events: SpanEvent[]): ExportedSpan {
  const attributes = { 'cancel.wasted_ms': wastedMs };
  return span({
    spanId: `work${parentSpanId}`,
    parentSpanId,
    kind: 'internal',
    name: 'work after cancel',
    attributes,
    events,
  });
}

/** `depth service told[ trigger] after listens passesOn wasted`, a line for each hop. */
function pathsOf(...spans: ExportedSpan[]): string[][] {
  return cancelPathsOf(spans).map(({ hops }) =>
    hops.map((hop) =>
      [
        hop.depth,
        hop.service ?? '?',
        hop.told,
        hop.trigger ?? '-',
        hop.afterMs === undefined ? '-' : `${hop.isSkewed ? '~' : ''}${hop.afterMs}`,
        hop.listens,
        hop.passesOn,
        hop.wastedMs ?? '-',
      ].join(' '),
    ),
  );
}

/** A browser that leaves after 200 ms, and the gateway that it has asked. */
const left = cancelled('local destroy', { spanId: '1', kind: 'client', serviceName: 'browser' });
const gateway = cancelled('peer disconnect', { spanId: '2', parentSpanId: '1', startMs: 1, endMs: 203 });
const toldByBrowser = ['0 browser itself destroy 0 none yes -', '1 gateway peer disconnect 3 yes'];

describe('the path of a cancel', () => {
  it('is told hop by hop, as far as everybody passes it on', () => {
    const paths = pathsOf(
      left,
      gateway,
      cancelled('inherited cancel', {
        spanId: '3',
        parentSpanId: '2',
        kind: 'client',
        startMs: 2,
        endMs: 205,
      }),
      cancelled('peer reset', {
        spanId: '4',
        parentSpanId: '3',
        serviceName: 'orders',
        startMs: 4,
        endMs: 209,
      }),
    );
    assert.deepEqual(paths, [
      [toldByBrowser[0], `${toldByBrowser[1]} yes -`, '2 orders peer reset 9 yes none -'],
    ]);
  });

  it('stops where a request runs on; who did not get to know it is not found fault with', () => {
    const [path] = pathsOf(
      left,
      gateway,
      span({
        spanId: '3',
        parentSpanId: '2',
        kind: 'client',
        endMs: 603,
        events: [finding('cancel_not_propagated')],
      }),
      span({ spanId: '4', parentSpanId: '3', serviceName: 'orders', endMs: 600 }),
      span({ spanId: '5', parentSpanId: '4', kind: 'client', serviceName: 'orders', endMs: 600 }),
      workAfterCancel('2', 401, [finding('work_after_cancel')]),
    );
    assert.deepEqual(path, [
      toldByBrowser[0],
      '1 gateway peer disconnect 3 no no 401',
      '2 orders no - - none none 400',
    ]);
  });

  it('a handler that is done within the limit has stopped, though it took its time', () => {
    const [path] = pathsOf(left, gateway, workAfterCancel('2', 60, []));
    assert.deepEqual(path, [toldByBrowser[0], '1 gateway peer disconnect 3 yes none 60']);
  });

  it('a receiver that goes on reading does not listen either', () => {
    const [path] = pathsOf(
      left,
      gateway,
      cancelled('inherited cancel', { spanId: '3', parentSpanId: '2', kind: 'client' }),
      workAfterCancel('3', 150, [finding('work_after_cancel')]),
    );
    assert.equal(path?.[1], '1 gateway peer disconnect 3 no yes 150');
  });

  it('of requests side by side each has a row; those that were over before have none', () => {
    const request = (given: Given) => ({ parentSpanId: '2', kind: 'client' as const, ...given });
    const [path] = pathsOf(
      left,
      gateway,
      span(request({ spanId: '3', name: 'over', endMs: 100 })),
      cancelled('inherited abort', request({ spanId: '4', startMs: 10, endMs: 204 })),
      cancelled('peer disconnect', {
        spanId: '5',
        parentSpanId: '4',
        serviceName: 'north',
        startMs: 12,
        endMs: 206,
      }),
      span(request({ spanId: '6', startMs: 11, endMs: 403, events: [finding('cancel_not_propagated')] })),
      span(request({ spanId: '7', startMs: 450, endMs: 460, events: [finding('late_operation')] })),
      span({ spanId: '8', parentSpanId: '7', serviceName: 'ribbons', startMs: 451, endMs: 459 }),
    );
    assert.deepEqual(path, [
      toldByBrowser[0],
      `${toldByBrowser[1]} no -`,
      '2 north peer disconnect 6 yes none -',
      '2 ? no - - none none 200',
      '2 ribbons late - - none none 10',
    ]);
  });

  it('a cancel that was not sent reaches nobody', () => {
    const [path] = pathsOf(
      cancelled('local cancel', {
        spanId: '1',
        kind: 'client',
        serviceName: 'job',
        events: [finding('cancel_not_sent')],
      }),
      span({ spanId: '2', parentSpanId: '1', serviceName: 'orders', endMs: 900 }),
    );
    assert.deepEqual(path, ['0 job itself cancel 0 none no -', '1 orders no - - none none -']);
  });

  it('a query that ended with the error that says so was stopped', () => {
    const status = { code: 'error', message: 'canceling statement due to user request' } as const;
    const [path] = pathsOf(
      left,
      gateway,
      span({ spanId: '3', parentSpanId: '2', kind: 'client', endMs: 210, status }),
    );
    assert.deepEqual(path, [toldByBrowser[0], `${toldByBrowser[1]} yes -`, '2 ? peer - - yes unknown 7']);
  });

  it('who asks without a span, or without a mark, is unknown', () => {
    const alone = cancelled('peer disconnect', { spanId: '2', parentSpanId: 'lost', endMs: 100 });
    assert.deepEqual(pathsOf(alone), [
      ['0 ? unknown - - unknown unknown -', '1 gateway peer disconnect 0 yes none -'],
    ]);
    const unmarked = span({ spanId: 'lost', kind: 'client', serviceName: 'curl' });
    assert.deepEqual(pathsOf(unmarked, alone), [
      ['0 curl unknown - - unknown yes -', '1 gateway peer disconnect 0 yes none -'],
    ]);
  });

  it('a proxy that has no marks has passed it on, when who is behind it was told', () => {
    const [path] = pathsOf(
      left,
      span({ spanId: '2', parentSpanId: '1', serviceName: 'proxy', endMs: 201 }),
      span({ spanId: '3', parentSpanId: '2', kind: 'client', serviceName: 'proxy', endMs: 201 }),
      cancelled('peer disconnect', { spanId: '4', parentSpanId: '3', startMs: 3, endMs: 205 }),
    );
    assert.deepEqual(path, [
      toldByBrowser[0],
      '1 proxy unknown - - unknown yes -',
      '2 gateway peer disconnect 5 yes none -',
    ]);
  });

  it('a hop without a mark is said to have gone on only if it must have, whatever its clock says', () => {
    const answered = (startMs: number, endMs: number) =>
      pathsOf(left, span({ spanId: '2', parentSpanId: '1', startMs, endMs }))[0]?.[1];
    assert.equal(answered(10_000, 10_220), '1 gateway unknown - - unknown unknown -');
    assert.equal(answered(10_000, 10_500), '1 gateway unknown - - unknown unknown 300');
  });

  it('a limit that passes in both processes tells both', () => {
    const limit = { 'context.canceled': undefined, deadline_exceeded: true };
    const passed = [{ name: 'deadline_exceeded', timeMs: 150, attributes: {} }];
    const [path] = pathsOf(
      cancelled('local deadline', {
        spanId: '1',
        kind: 'client',
        attributes: limit,
        events: passed,
        endMs: 150,
      }),
      cancelled(
        'local deadline',
        { spanId: '2', parentSpanId: '1', serviceName: 'orders', startMs: 4, endMs: 149 },
        149,
      ),
    );
    assert.deepEqual(path, [
      '0 gateway itself deadline 0 none yes -',
      '1 orders itself deadline -1 yes none -',
    ]);
  });

  it('an answer that says so is no cancel that goes to others', () => {
    const paths = pathsOf(
      cancelled('peer status', { spanId: '1', kind: 'client', serviceName: 'browser' }),
      cancelled('local status', { spanId: '2', parentSpanId: '1' }),
    );
    assert.deepEqual(paths, [['0 gateway itself status 0 none none -']]);
  });

  it('two cancels of one request, one after the other, are two paths', () => {
    const paths = pathsOf(
      left,
      gateway,
      cancelled('local abort', { spanId: '3', parentSpanId: '2', kind: 'client', startMs: 2, endMs: 70 }),
      cancelled('local abort', { spanId: '4', parentSpanId: '2', kind: 'client', startMs: 2, endMs: 71 }),
      cancelled('inherited destroy', {
        spanId: '5',
        parentSpanId: '2',
        kind: 'client',
        startMs: 2,
        endMs: 204,
      }),
    );
    assert.deepEqual(paths, [
      [toldByBrowser[0], `${toldByBrowser[1]} yes -`, '2 ? peer destroy 4 unknown unknown -'],
      [
        '0 gateway itself abort 0 none yes -',
        '1 ? peer abort 0 unknown unknown -',
        '1 ? peer abort 1 unknown unknown -',
      ],
    ]);
  });

  for (const [clock, aheadMs] of [
    ['behind', -5_000],
    ['ahead', 5_000],
  ] as const) {
    it(`a clock that is ${clock} is set by when the hop began`, () => {
      const [path] = pathsOf(
        left,
        cancelled('peer disconnect', {
          spanId: '2',
          parentSpanId: '1',
          startMs: 1 + aheadMs,
          endMs: 203 + aheadMs,
        }),
        cancelled('inherited cancel', {
          spanId: '3',
          parentSpanId: '2',
          kind: 'client',
          startMs: 2 + aheadMs,
          endMs: 205 + aheadMs,
        }),
        cancelled('peer reset', {
          spanId: '4',
          parentSpanId: '3',
          serviceName: 'orders',
          startMs: 4,
          endMs: 209,
        }),
      );
      assert.deepEqual(path, [
        toldByBrowser[0],
        '1 gateway peer disconnect ~2 yes yes -',
        '2 orders peer reset 9 yes none -',
      ]);
    });
  }

  it('what is inside of an outgoing operation is part of it', () => {
    const [path] = pathsOf(
      left,
      gateway,
      span({ spanId: '3', parentSpanId: '2', kind: 'client', name: 'search', endMs: 204 }),
      cancelled('inherited abort', { spanId: '4', parentSpanId: '3', kind: 'client', endMs: 204 }),
    );
    assert.deepEqual(path?.slice(1), [`${toldByBrowser[1]} yes -`, '2 ? peer abort 4 unknown unknown -']);
  });

  it('what ends later by a limit of its own was not told, and is not found fault with', () => {
    const later = (how: string) =>
      pathsOf(
        left,
        gateway,
        cancelled(how, { spanId: '3', parentSpanId: '2', kind: 'client', startMs: 2, endMs: 503 }),
      );
    assert.deepEqual(later('local signal_timeout'), [
      [toldByBrowser[0], `${toldByBrowser[1]} none -`],
      ['0 gateway itself signal_timeout 0 none yes -', '1 ? peer signal_timeout 0 unknown unknown -'],
    ]);
    assert.equal(later('inherited abort')[0]?.[2], '2 ? peer abort 303 unknown unknown -');
  });

  it('what goes on without a finding may be meant to', () => {
    const [path] = pathsOf(
      left,
      gateway,
      span({ spanId: '3', parentSpanId: '2', kind: 'client', startMs: 2, endMs: 603 }),
      workAfterCancel('2', 401, []),
    );
    assert.deepEqual(path, [
      toldByBrowser[0],
      '1 gateway peer disconnect 3 unknown unknown 401',
      '2 ? unknown - - unknown unknown 400',
    ]);
  });

  it('INTERNAL spans on the way are no hops', () => {
    const [path] = pathsOf(
      span({ spanId: '0', kind: 'internal', name: 'job', serviceName: 'browser' }),
      { ...left, parentSpanId: '0' },
      span({ spanId: '9', parentSpanId: '1', kind: 'internal', name: 'tls' }),
      { ...gateway, parentSpanId: '9' },
      span({ spanId: '8', parentSpanId: '2', kind: 'internal', name: 'middleware' }),
      cancelled('inherited destroy', { spanId: '3', parentSpanId: '8', kind: 'client', endMs: 204 }),
    );
    assert.deepEqual(path, [
      toldByBrowser[0],
      `${toldByBrowser[1]} yes -`,
      '2 ? peer destroy 4 unknown unknown -',
    ]);
  });

  it('a trace without a root, of several, or with spans twice ends all the same, with each cancel once', () => {
    const loop = [
      cancelled('inherited cancel', { spanId: '1', parentSpanId: '4', kind: 'client', startMs: 0 }),
      cancelled('peer reset', { spanId: '2', parentSpanId: '1', startMs: 1 }),
      cancelled('inherited cancel', { spanId: '3', parentSpanId: '2', kind: 'client', startMs: 2 }),
      cancelled('peer reset', { spanId: '4', parentSpanId: '3', serviceName: 'orders', startMs: 3 }),
    ];
    assert.deepEqual(pathsOf(...loop), [
      [
        '0 gateway owner cancel 0 none yes -',
        '1 gateway peer reset 0 yes yes -',
        '2 orders peer reset 0 yes none -',
      ],
    ]);
    assert.equal(pathsOf(cancelled('peer reset', { spanId: '1', parentSpanId: '1' })).length, 1);
    assert.equal(pathsOf(left, gateway, { ...left, spanId: '7' }, gateway).length, 2);
    assert.deepEqual(pathsOf(span({ spanId: '1' })), []);
  });

  it('a trace that goes round and round is no fault of the reader', () => {
    const spans = Array.from({ length: 20_000 }, (_, index) =>
      cancelled(index % 2 === 0 ? 'inherited cancel' : 'peer reset', {
        spanId: String(index),
        parentSpanId: index === 0 ? undefined : String(index - 1),
        kind: index % 2 === 0 ? 'client' : 'server',
      }),
    );
    const paths = pathsOf(...spans);
    assert.ok(paths.every(({ length }) => length <= 103));
    assert.equal(paths.flat().filter((hop) => hop.includes('peer reset')).length, 10_000);
    const nested = spans.map(
      (each, index) => ({ ...each, kind: index === 0 ? 'client' : 'internal' }) as const,
    );
    assert.equal(pathsOf(...nested).length, 1);
  });
});

describe('the worst paths', () => {
  it('are those that went on for longest; those that ended well are none', () => {
    const goesOn = (traceId: string, wastedMs: number) =>
      [left, gateway, workAfterCancel('2', wastedMs, [finding('work_after_cancel')])].map((each) => ({
        ...each,
        traceId,
      }));
    const well = [left, gateway].map((each) => ({ ...each, traceId: 'well' }));
    const paths = cancelPathsOf([...goesOn('short', 120), ...well, ...goesOn('long', 900)]);
    assert.deepEqual(
      worstOf(paths, 3).map(({ traceId }) => traceId),
      ['long', 'short'],
    );
    assert.deepEqual(
      worstOf(paths, 1).map(({ wastedMs }) => wastedMs),
      [900],
    );
  });
});

describe('a path as a table', () => {
  const query = (spanId: string, startMs: number) =>
    span({
      spanId,
      parentSpanId: '2',
      kind: 'client',
      name: 'INSERT',
      startMs,
      endMs: startMs + 4,
      events: [finding('late_operation')],
    });

  it('has a row for each hop, and one for what is alike', () => {
    const origin = { 'cancel.origin': 'leave (load.js:3:1)' };
    const text = drawPaths(
      cancelPathsOf([
        { ...left, attributes: { ...left.attributes, ...origin } },
        gateway,
        span({
          spanId: '3',
          parentSpanId: '2',
          kind: 'client',
          name: 'SELECT',
          endMs: 603,
          events: [finding('cancel_not_propagated')],
        }),
        query('4', 610),
        query('5', 620),
        workAfterCancel('2', 425, [finding('work_after_cancel')]),
      ]),
    );
    assert.equal(
      text,
      `trace a1  decided in browser, leave (load.js:3:1)
  ! gateway goes on, and does not pass it on
                     told               after  listens  passes on  wasted
browser → GET        itself: destroy   0.0 ms  –        ✓
└─ gateway ← GET     peer: disconnect  3.0 ms  ✗        ✗          425 ms
   ├─ ? ← SELECT     not told                  –        –          400 ms
   └─ ? ← INSERT ×2  asked later               –        –          4.0 ms
`,
    );
  });

  it('is no longer than somebody reads', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => query(`n${index}`, 300));
    const got = (count: number) =>
      many.slice(0, count).map(({ spanId }) => span({ spanId: `s${spanId}`, parentSpanId: spanId }));
    const drawn = (count: number) =>
      drawPaths(cancelPathsOf([left, gateway, ...many.slice(0, count), ...got(count)])).split('\n');
    assert.equal(drawn(48).length, 53);
    assert.equal(drawn(49).length, 54);
    assert.equal(drawn(49)[52], '… and 1 more');
    assert.equal(drawn(10_000)[52], '… and 9952 more');
  });

  it('lets no control characters through', () => {
    const attributes = { ...left.attributes, 'cancel.origin': 'a\u001b[2Jb\nc' };
    const text = drawPaths(
      cancelPathsOf([{ ...left, attributes, serviceName: 'b\u0007', name: 'G\rET', traceId: 'x\u009b' }]),
    );
    assert.doesNotMatch(text.replaceAll('\n', ''), /\p{Cc}/u);
    assert.equal(text.split('\n').length, 5);
  });
});
