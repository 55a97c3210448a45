/** The readers of spans: whatever is sent or written, it is read, or refused by an error that is meant for whoever wrote it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import protobuf from 'protobufjs/minimal.js';
import {
  DEADLINE_HEADERS,
  formatDeadlineHeader,
  OUTGOING_DEADLINE_HEADERS,
  readDeadlineHeaders,
} from '../../src/cancellation/deadline-headers.ts';
import { startExchange } from '../../src/capture/exchange.ts';
import { readBaseline } from '../../src/cli/report/baseline.ts';
import { forwardedFor } from '../../src/conventions/forwarded-for.ts';
import { spansOfOtlp } from '../../src/spans/otlp.ts';
import { otlpOfProtobuf } from '../../src/spans/otlp-protobuf.ts';
import { readSpans } from '../../src/spans/source.ts';
import type { ExportedSpan } from '../../src/spans/span.ts';
import { UserError } from '../../src/spans/user-error.ts';
import { runCommand } from '../support/command.ts';
import { type OtlpReceiver, startReceiver } from '../support/otlp-receiver.ts';
import { seeded, seededAsync } from './seeded.ts';

/** Each of these takes a request or a file. */
const RUNS = 150;
const QUESTION = { startMs: 0, endMs: 1 } as never;

const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };

describe('readers of spans', () => {
  let receiver: OtlpReceiver;
  let folder: string;
  before(async () => {
    receiver = await startReceiver((spans) => {
      for (const span of spans) checkTexts(span);
    });
    folder = mkdtempSync(join(tmpdir(), 'readers-'));
  });
  after(async () => {
    await receiver.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('OTLP as JSON: of anything, what is wrong is told to the sender', async (test) => {
    await seededAsync(
      test,
      fc.asyncProperty(documents(otlp), async (text) => await isAnswered(text, 'application/json')),
      RUNS,
    );
  });

  it('OTLP as protobuf, and by gzip: of anything, what is wrong is told to the sender', async (test) => {
    await seededAsync(
      test,
      fc.asyncProperty(damaged(exportRequest()), fc.boolean(), async (bytes, isZipped) => {
        await isAnswered(bytes, 'application/x-protobuf', 'identity');
        if (isZipped) await isAnswered(bytes, 'application/x-protobuf', 'gzip');
      }),
      RUNS,
    );
  });

  it('gzip that is damaged, of anything', async (test) => {
    await seededAsync(
      test,
      fc.asyncProperty(
        damaged(gzipSync(JSON.stringify(otlp))),
        async (bytes) => await isAnswered(bytes, 'application/json', 'gzip'),
      ),
      RUNS,
    );
  });

  it('files: of anything, what is wrong is told by a UserError', async (test) => {
    const file = join(folder, 'spans');
    const any = fc.oneof(
      documents(otlp),
      documents(download),
      documents(otlp).map((text) => `${text}\n${text}\n${JSON.stringify(otlp)}\n`),
      damaged(gzipSync(JSON.stringify(otlp))),
    );
    await seededAsync(
      test,
      fc.asyncProperty(any, async (content) => {
        writeFileSync(file, content);
        await orUserError(async () => {
          for await (const spans of readSpans(file, QUESTION)) for (const span of spans) checkTexts(span);
        });
      }),
      RUNS,
    );
  });

  it('report: of anything, it ends with what is wrong', async (test) => {
    const file = join(folder, 'reported');
    await seededAsync(
      test,
      fc.asyncProperty(fc.oneof(documents(otlp), documents(download)), async (content) => {
        writeFileSync(file, content);
        const { exitCode, stderr } = await runCommand('report', file);
        assert.ok([0, 2].includes(exitCode), stderr);
        assert.doesNotMatch(stderr, /\bat .*:\d+:\d+/);
      }),
      RUNS,
    );
  });

  it('a baseline: of anything, what is wrong is told by a UserError', async (test) => {
    const file = join(folder, 'baseline');
    await seededAsync(
      test,
      fc.asyncProperty(
        documents({ report: 1, findings: [{ id: 'one' }], code: { findings: [{ id: 'two' }] } }),
        async (content) => {
          writeFileSync(file, content);
          await orUserError(() => readBaseline(file));
        },
      ),
      RUNS,
    );
  });

  it('what the protobuf says is what the JSON says', (test) => {
    seeded(
      test,
      fc.property(
        fc.string(),
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        fc.integer(),
        (text, nanos, whole) => {
          const [span] = spansOfOtlp(otlpOfProtobuf(exportRequest(text, nanos, whole))) ?? [];
          assert.equal(span?.name, text);
          assert.equal(span?.attributes.whole, whole);
          assert.ok(Math.abs((span?.startMs ?? 0) - Number(nanos) / 1e6) < 0.01);
        },
      ),
    );
  });

  for (const [what, text] of Object.entries({
    'a name that is an object with a toString of its own': JSON.stringify(
      withSpan({ name: 'x', events: [{ name: { toString: 1 } }] }),
    ),
    'a service that is one': JSON.stringify({
      resourceSpans: [
        {
          resource: { attributes: [{ key: 'service.name', value: map('toString') }] },
          scopeSpans: [{ spans: [ids] }],
        },
      ],
    }),
    'a reason that is one': JSON.stringify(
      withSpan({
        name: 'x',
        attributes: [
          { key: 'context.canceled', value: { boolValue: true } },
          { key: 'cancel.reason', value: map('toString') },
        ],
      }),
    ),
    'a kind that is one': JSON.stringify(withSpan({ name: 'x', kind: { valueOf: 1, toString: 1 } })),
    'a value in a thousand lists': `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${nested(1_000)}}]}}]}`,
    'a value in a hundred thousand lists': `{"resourceSpans":[{"resource":{"attributes":[{"key":"k","value":${nested(100_000)}}]}}]}`,
    'a time of 400 digits': JSON.stringify(withSpan({ name: 'x', startTimeUnixNano: '9'.repeat(400) })),
  }))
    it(`${what} is read, or refused`, async () => {
      await isAnswered(text, 'application/json');
      const file = join(folder, 'named');
      writeFileSync(file, text);
      const { exitCode, stderr } = await runCommand('report', file);
      assert.ok([0, 2].includes(exitCode), stderr);
      assert.doesNotMatch(stderr, /\bat .*:\d+:\d+/);
    });

  async function isAnswered(body: string | Buffer, type: string, encoding = 'identity'): Promise<void> {
    const headers = { 'content-type': type, 'content-encoding': encoding };
    const { status } = await fetch(`${receiver.url}/v1/traces`, {
      method: 'POST',
      headers,
      body: typeof body === 'string' ? body : Uint8Array.from(body),
    }).then(async (response) => {
      await response.arrayBuffer();
      return response;
    });
    assert.ok(status === 200 || status === 400 || status === 413, `${status}`);
  }
});

describe('readers of headers', () => {
  it('a time limit is read as it was written, by no more than it was', (test) => {
    seeded(
      test,
      fc.property(
        fc.constantFrom(...OUTGOING_DEADLINE_HEADERS),
        fc.double({ min: 0, max: 86_400_000, noNaN: true }),
        fc.integer({ min: 0, max: 4e12 }),
        (header, timeoutMs, nowMs) => {
          const written = formatDeadlineHeader(header, timeoutMs, nowMs);
          const read = readDeadlineHeaders({ [header.toLowerCase()]: written }, nowMs);
          assert.equal(read?.timeoutMs, Math.floor(timeoutMs));
          assert.deepEqual(read?.malformed, []);
        },
      ),
    );
  });

  it('grpc-timeout in each unit is the time that the specification says', (test) => {
    const units = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
    seeded(
      test,
      fc.property(
        fc.nat({ max: 99_999_999 }),
        fc.constantFrom(...Object.entries(units)),
        (value, [unit, ms]) => {
          const read = readDeadlineHeaders({ 'grpc-timeout': `${value}${unit}` }, 0);
          if (value * ms > 2 ** 31 - 1) assert.equal(read?.header, undefined);
          else assert.equal(read?.timeoutMs, value * ms);
        },
      ),
    );
  });

  it('of anything, a time limit is a number of ms that a timer can count, or malformed', (test) => {
    const values = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.stringMatching(/^[\d.+e, -]{0,400}[HMSmunx]?$/),
      fc.array(fc.string()),
    );
    seeded(
      test,
      fc.property(fc.dictionary(fc.constantFrom(...DEADLINE_HEADERS), values), (headers) => {
        const read = readDeadlineHeaders(headers, 1_800_000_000_000);
        assert.equal(read === undefined, Object.keys(headers).length === 0);
        if (read?.header !== undefined) assert.ok(Math.abs(read.timeoutMs) < 2 ** 31, `${read.timeoutMs}`);
        for (const { value } of read?.malformed ?? []) assert.ok(value.length <= 64);
      }),
    );
  });

  it('of X-Forwarded-For it is the first address, or nothing', (test) => {
    seeded(
      test,
      fc.property(fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant(''))), (addresses) => {
        assert.equal(forwardedFor(addresses.join(', ')), addresses[0] === '' ? undefined : addresses[0]);
      }),
    );
    seeded(
      test,
      fc.property(fc.anything(), (header) => {
        const told = forwardedFor(header);
        assert.ok(told === undefined || (typeof header === 'string' && header.includes(told)));
      }),
    );
  });

  it('of a traceparent on the wire it is both ids, and of anything else nothing', (test) => {
    const hex = (length: number) =>
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
    seeded(
      test,
      fc.property(hex(32), hex(16), (traceId, spanId) => {
        const exchange = exchangeWith([['traceparent', `00-${traceId}-${spanId}-01`]]);
        assert.deepEqual([exchange.traceId, exchange.spanId], [traceId, spanId]);
      }),
    );
    const names = fc.constantFrom('traceparent', '__proto__', 'constructor', 'toString', ...DEADLINE_HEADERS);
    seeded(
      test,
      fc.property(fc.array(fc.tuple(names, fc.string()), { maxLength: 5 }), (headers) => {
        const exchange = exchangeWith(headers);
        assert.equal(exchange.traceId, undefined);
        const sent = headers.some(([name]) => DEADLINE_HEADERS.includes(name));
        assert.equal(exchange.limit !== undefined, sent);
      }),
    );
  });
});

function exchangeWith(headers: (readonly [string, string])[]) {
  return startExchange({
    protocol: 'HTTP/1.1',
    connection: 0,
    stream: undefined,
    client: 'a',
    server: 'b',
    method: 'GET',
    target: '/',
    headers,
    atMs: 0,
  });
}

async function orUserError(read: () => Promise<unknown>): Promise<void> {
  try {
    await read();
  } catch (error) {
    assert.ok(error instanceof UserError, (error as Error).stack);
  }
}

/** What is declared to be text or a number is one. */
function checkTexts(span: ExportedSpan): void {
  for (const text of [
    span.name,
    span.serviceName,
    span.scopeName,
    span.status.message,
    span.kind,
    ...span.events.map(({ name }) => name),
  ])
    assert.equal(typeof text, 'string');
  for (const number of [
    span.startMs,
    span.endMs,
    span.durationMs,
    ...span.events.map(({ timeMs }) => timeMs),
  ])
    assert.equal(typeof number, 'number');
}

function withSpan(span: object): object {
  return { resourceSpans: [{ scopeSpans: [{ spans: [{ ...ids, ...span }] }] }] };
}

function map(key: string): object {
  return { kvlistValue: { values: [{ key, value: { intValue: 1 } }] } };
}

function nested(depth: number): string {
  return `${'{"arrayValue":{"values":['.repeat(depth)}{"intValue":1}${']}}'.repeat(depth)}`;
}

const otlp = {
  resourceSpans: [
    {
      resource: {
        attributes: [
          { key: 'service.name', value: { stringValue: 'shop' } },
          { key: 'process.pid', value: { intValue: '1' } },
        ],
      },
      scopeSpans: [
        {
          scope: { name: 'scope' },
          spans: [
            {
              ...ids,
              parentSpanId: 'c'.repeat(16),
              name: 'GET',
              kind: 3,
              startTimeUnixNano: '1800000000000000000',
              endTimeUnixNano: '1800000001000000000',
              attributes: [
                { key: 'context.canceled', value: { boolValue: true } },
                { key: 'cancel.reason', value: { stringValue: 'left' } },
                { key: 'deadline.timeout_ms', value: { doubleValue: 1 } },
                { key: 'list', value: { arrayValue: { values: [{ intValue: 1 }] } } },
                { key: 'map', value: map('key') },
              ],
              events: [
                {
                  name: 'context.canceled',
                  timeUnixNano: '1800000000500000000',
                  attributes: [{ key: 'cancel.trigger', value: { stringValue: 'abort' } }],
                },
              ],
              links: [ids],
              status: { code: 2, message: 'left' },
            },
          ],
        },
      ],
    },
  ],
};

const download = {
  data: [
    {
      traceID: ids.traceId,
      processes: { p1: { serviceName: 'shop', tags: [{ key: 'process.pid', value: 1 }] } },
      spans: [
        {
          traceID: ids.traceId,
          spanID: ids.spanId,
          processID: 'p1',
          operationName: 'GET',
          startTime: 1_800_000_000_000_000,
          duration: 1_000_000,
          references: [{ refType: 'CHILD_OF', traceID: ids.traceId, spanID: 'c'.repeat(16) }],
          tags: [
            { key: 'span.kind', value: 'client' },
            { key: 'context.canceled', value: true },
            { key: 'cancel.reason', value: 'left' },
            { key: 'error', value: true },
          ],
          logs: [{ timestamp: 1_800_000_000_500_000, fields: [{ key: 'event', value: 'context.canceled' }] }],
        },
      ],
    },
  ],
};

/** As JSON, with something else in one to three of its places, or cut off. */
function documents(of: object): fc.Arbitrary<string> {
  const places = placesIn(of);
  const hostile = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(
      { toString: 1, valueOf: 1 },
      [{ toString: null }],
      { kvlistValue: { values: [{ key: 'toString', value: { intValue: 1 } }, { key: 'valueOf' }] } },
      { key: 'cancel.reason', value: { toString: 1 } },
      '9'.repeat(400),
      -1,
      1e300,
      '',
      'x'.repeat(5_000),
      { __proto__: null, length: 1 },
    ),
  );
  const changes = fc.array(fc.tuple(fc.nat({ max: places.length - 1 }), hostile), {
    minLength: 1,
    maxLength: 3,
  });
  return fc.tuple(changes, fc.option(fc.nat({ max: 100 }), { freq: 8 })).map(([changed, cutAt]) => {
    let copy: unknown = structuredClone(of);
    for (const [index, value] of changed) copy = replaced(copy, places[index] ?? [], value);
    const text = JSON.stringify(copy);
    return cutAt === null ? text : text.slice(0, Math.floor((text.length * cutAt) / 100));
  });
}

function placesIn(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [[...path]];
  return [[...path], ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (typeof value !== 'object' || value === null) return value;
  const inner = replaced((value as Record<string, unknown>)[key], rest, by);
  if (Array.isArray(value)) return value.map((element, index) => (String(index) === key ? inner : element));
  return { ...value, [key]: inner };
}

/** With some bytes that are others, or without its end. */
function damaged(bytes: Uint8Array): fc.Arbitrary<Buffer> {
  const places = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), {
    maxLength: 4,
  });
  return fc.tuple(places, fc.integer({ min: 0, max: bytes.length })).map(([changed, end]) => {
    const copy = Buffer.from(bytes);
    for (const [at, byte] of changed) copy[at] = byte;
    return changed.length % 2 === 0 ? copy : copy.subarray(0, end);
  });
}

/** An ExportTraceServiceRequest of one span. */
function exportRequest(name = 'GET', startNanos = 1_800_000_000_000_000_000n, whole = 7): Uint8Array {
  const message = (field: number, inner: Uint8Array) =>
    protobuf.Writer.create()
      .uint32((field << 3) | 2)
      .bytes(inner)
      .finish();
  const text = (field: number, value: string) =>
    protobuf.Writer.create()
      .uint32((field << 3) | 2)
      .string(value)
      .finish();
  const fixed = (field: number, value: bigint) =>
    protobuf.Writer.create()
      .uint32((field << 3) | 1)
      .fixed32(Number(value & 0xffff_ffffn))
      .fixed32(Number(value >> 32n))
      .finish();
  const integer = protobuf.Writer.create()
    .uint32(3 << 3)
    .int64(whole)
    .finish();
  const attribute = message(9, Buffer.concat([text(1, 'whole'), message(2, integer)]));
  const span = Buffer.concat([
    message(1, Buffer.from(ids.traceId, 'hex')),
    message(2, Buffer.from(ids.spanId, 'hex')),
    text(5, name),
    fixed(7, startNanos),
    fixed(8, startNanos),
    attribute,
  ]);
  return message(1, message(2, message(2, span)));
}
