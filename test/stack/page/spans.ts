/** Spans of the contract, the same in every run: what the page is tested with. As OTLP's JSON has them. */

/** Unix time in ms, of all clocks here. */
export const NOW_MS: number = Date.UTC(2027, 0, 15, 8, 0, 0);

export type Request = { resourceSpans: object[] };
type Attributes = Record<string, string | number | boolean>;

interface Given {
  readonly service: string;
  readonly pid?: number;
  readonly name: string;
  readonly kind: 'internal' | 'server' | 'client';
  /** Of the same trace, by its place in it. */
  readonly parent?: number;
  /** ms, since the trace began. */
  readonly from: number;
  readonly to: number;
  readonly attributes?: Attributes;
  readonly events?: readonly { name: string; at: number; attributes?: Attributes }[];
}

const KINDS = { internal: 1, server: 2, client: 3 };

/** @param number tells it apart from others. @param startMs Unix time */
export function traceOf(number: number, startMs: number, spans: readonly Given[]): Request {
  const nanos = (ms: number): string => String(BigInt(Math.round((startMs + ms) * 1_000)) * 1_000n);
  const spanId = (index: number): string => (number * 1_000 + index + 1).toString(16).padStart(16, '0');
  const resourceSpans = spans.map(
    ({ service, pid, name, kind, parent, from, to, attributes, events }, index) => ({
      resource: {
        attributes: pairs({
          ...{ 'service.name': service, 'service.instance.id': service },
          ...(pid === undefined ? {} : { 'process.pid': pid }),
        }),
      },
      scopeSpans: [
        {
          scope: { name: 'opentelemetry-instrumentation-cancellation' },
          spans: [
            {
              ...{ traceId: traceIdOf(number), spanId: spanId(index), name, kind: KINDS[kind] },
              parentSpanId: parent === undefined ? '' : spanId(parent),
              ...{ startTimeUnixNano: nanos(from), endTimeUnixNano: nanos(to) },
              attributes: pairs(attributes),
              events: (events ?? []).map((event) => ({
                ...{ name: event.name, timeUnixNano: nanos(event.at) },
                attributes: pairs(event.attributes),
              })),
            },
          ],
        },
      ],
    }),
  );
  return { resourceSpans };
}

export function traceIdOf(number: number): string {
  return number.toString(16).padStart(32, '0');
}

function pairs(attributes: Attributes = {}): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : { doubleValue: value },
  }));
}

/** Of a span that was cancelled: its attributes and its event. */
export function cancelled(
  at: number,
  [initiator, trigger, phase]: readonly [string, string, string],
  more: Attributes = {},
  mark = 'context.canceled',
): Pick<Given, 'attributes' | 'events'> {
  const said = { 'cancel.initiator': initiator, 'cancel.trigger': trigger, 'cancel.phase': phase };
  return { attributes: { [mark]: true, ...said, ...more }, events: [{ name: mark, at, attributes: said }] };
}

/** A browser leaves while an order is placed; the shop's services hear of it one after the other, and one goes on. */
export function leftCheckout(number: number, startMs: number, folder: string): Request {
  const stack = [
    `    at Timeout.leave [as _onTimeout] (${folder}/app/checkout.js:6:16)`,
    '    at listOnTimeout (node:internal/timers:581:17)',
    '    at process.processTimers (node:internal/timers:519:7)',
  ].join('\n');
  const pending = {
    ...{ name: 'shop.Orders/Place', 'cancel.pending.elapsed_ms': 188 },
    'cancel.pending.origin': `checkout (${folder}/app/checkout.js:4:24)`,
  };
  const left = cancelled(200, ['local', 'abort', 'wait'], {
    ...{ 'url.full': 'http://shop.example/checkout/sofa', 'cancel.reason': 'seen enough' },
    'cancel.origin': `leave (${folder}/app/checkout.js:6:16)`,
    'cancel.stacktrace': stack,
  });
  const heard = cancelled(203, ['peer', 'disconnect', 'handle'], {
    ...{ 'http.route': '/checkout/:item', 'url.path': '/checkout/sofa' },
  });
  const passedOn = cancelled(206, ['inherited', 'cancel', 'wait'], { 'cancel.propagation_ms': 3.2 });
  const wasted = { 'cancel.wasted_ms': 191, 'cancel.late_writes': 1, 'cancel.late_operations': 0 };
  const finding = (rule: string, detail: string, at: number): NonNullable<Given['events']>[0] => ({
    ...{ name: 'cancel.finding', at },
    attributes: { 'cancel.finding.rule': rule, 'cancel.finding.detail': detail },
  });
  const untold = 'ran on for 190 ms after its incoming operation was cancelled';
  return traceOf(number, startMs, [
    { service: 'browser', name: 'POST', kind: 'client', from: 0, to: 200, ...left },
    {
      ...{ service: 'gateway', name: 'POST', kind: 'server', parent: 0, from: 4, to: 203, ...heard },
      events: [...(heard.events ?? []), { name: 'cancel.pending', at: 203, attributes: pending }],
    },
    {
      service: 'gateway',
      name: 'shop.Orders/Place',
      kind: 'client',
      parent: 1,
      from: 14,
      to: 207,
      ...passedOn,
    },
    {
      ...{ service: 'orders', name: 'shop.Orders/Place', kind: 'server', parent: 2, from: 18, to: 209 },
      ...cancelled(209, ['peer', 'reset', 'handle']),
    },
    {
      ...{ service: 'orders', name: 'GET', kind: 'client', parent: 3, from: 30, to: 399 },
      attributes: { 'url.full': 'http://stock.example/stock/sofa' },
      events: [finding('cancel_not_propagated', untold, 399)],
    },
    {
      ...{ service: 'stock', name: 'GET', kind: 'server', parent: 4, from: 36, to: 395 },
      attributes: { 'http.route': '/stock/:item', 'url.path': '/stock/sofa' },
    },
    {
      ...{ service: 'orders', name: 'work after cancel', kind: 'internal', parent: 3, from: 209, to: 400 },
      attributes: wasted,
      events: [finding('work_after_cancel', 'the handler went on for 191 ms', 400)],
    },
  ]);
}

/** A deadline that is passed on, and missed. @param deviation of the server, in ms */
export function missedDeadline(number: number, startMs: number, deviation: number): Request {
  const late = deviation > 0;
  const said = (left: number, deviationMs: number): Attributes => ({
    ...{ 'deadline.timeout_ms': left, 'deadline.source': 'option', 'deadline.deviation_ms': deviationMs },
  });
  const at = 150 + Math.max(0, deviation);
  const end = Math.max(20, 150 + deviation);
  const passed = (left: number): Pick<Given, 'attributes' | 'events'> =>
    late
      ? cancelled(at, ['local', 'deadline', 'wait'], said(left, deviation), 'deadline_exceeded')
      : { attributes: said(left, deviation) };
  const served = passed(146);
  const async = { 'cancel.async.type': 'Timeout', 'cancel.async.count': 2, 'cancel.async.depth': 3 };
  return traceOf(number, startMs, [
    { service: 'gateway', name: 'shop.Orders/Estimate', kind: 'client', from: 0, to: end, ...passed(150) },
    {
      ...{ service: 'orders', name: 'shop.Orders/Estimate', kind: 'server', parent: 0, from: 4, to: end },
      ...served,
      events: [...(served.events ?? []), ...(late ? [{ name: 'cancel.async', at, attributes: async }] : [])],
    },
  ]);
}

/** A peer that goes away. */
export function leftStock(number: number, startMs: number): Request {
  return traceOf(number, startMs, [
    {
      ...{ service: 'stock', name: 'GET', kind: 'server', from: 0, to: 40 },
      ...cancelled(40, ['peer', 'disconnect', 'handle'], {
        ...{ 'http.route': '/stock/:item', 'url.path': '/stock/lamp', note: 'Blue lamp' },
      }),
    },
  ]);
}

export function healthy(number: number, startMs: number): Request {
  return traceOf(number, startMs, [
    { service: 'stock', name: 'GET', kind: 'server', from: 0, to: 12, attributes: { 'url.path': '/health' } },
  ]);
}

/** Spans are written by strangers. */
export const HOSTILE = {
  markup: '<img src=x onerror="window.wasRun=1"><script>window.wasRun=1</script>',
  long: 'w'.repeat(5_000),
  direction: '\u202Egnp.exe \u2066abc',
  control: 'a\u0000b\u001b[31mred\u0007\r\nnext',
};

export function hostile(number: number, startMs: number): Request {
  const { markup, long, direction, control } = HOSTILE;
  return traceOf(number, startMs, [
    {
      ...{ service: markup, name: `GET ${markup}`, kind: 'server', from: 0, to: 50 },
      ...cancelled(40, [markup, direction, control], {
        ...{ 'cancel.reason': `${markup}${control}`, 'cancel.origin': `javascript:alert(1) (${markup}:1:1)` },
        'cancel.stacktrace': `at ${markup}\nat evil (javascript:alert(1):1:1)\nat ${long}`,
        ...{ [markup]: markup, long, direction },
      }),
    },
    {
      service: long,
      name: long,
      kind: 'client',
      parent: 0,
      from: 5,
      to: 45,
      ...cancelled(41, [long, long, long]),
    },
    { service: direction, name: control, kind: 'internal', parent: 0, from: 5, to: 45 },
  ]);
}

/** One of each, and a minute of deadlines. */
export function exhibits(folder: string): Request[] {
  return [
    healthy(1, NOW_MS - 61_000),
    ...Array.from({ length: 60 }, (_, second) =>
      missedDeadline(
        100 + second,
        NOW_MS - 60_500 + second * 1_000,
        DEVIATIONS[second % DEVIATIONS.length] ?? 0,
      ),
    ),
    leftStock(2, NOW_MS - 21_000),
    leftCheckout(3, NOW_MS - 20_000, folder),
  ];
}

const DEVIATIONS = [-120, -110, -60, 4, -90, 35, -40, 140, 8, -100, 1_300, -20];
