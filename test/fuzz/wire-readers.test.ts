/** The readers of what a capture has: they take anything, and the same bytes say the same however they were split into packets. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Http1Reader } from '../../src/capture/http1-reader.ts';
import { InOrder } from '../../src/capture/in-order.ts';
import type { Packet } from '../../src/capture/packet.ts';
import { WebSocketReader } from '../../src/capture/websocket-reader.ts';
import { seeded } from './seeded.ts';

describe('readers of captures', () => {
  it('HTTP/1.1: what it reads of messages is what was put in, however they were split', (test) => {
    seeded(
      test,
      fc.property(fc.array(messages, { maxLength: 6 }), cuts, (sent, sizes) => {
        const told = readHttp1(split(Buffer.concat(sent.map(written)), sizes));
        assert.deepEqual(
          told,
          sent.flatMap(({ method, target, status, headers }) => [
            { method, target: target ?? '', status, headers },
            'end',
          ]),
        );
      }),
    );
  });

  it('HTTP/1.1: anything else is taken, and the same is told of it until it is lost', (test) => {
    seeded(
      test,
      fc.property(
        fc.array(fc.oneof(messages.map(written), garbage), { maxLength: 6 }),
        cuts,
        (parts, sizes) => {
          const bytes = Buffer.concat(parts);
          const whole = readHttp1([bytes]);
          // Afterwards it is known again where a packet begins as a message does.
          assert.deepEqual(readHttp1(split(bytes, sizes)).slice(0, whole.length), whole);
        },
      ),
    );
  });

  it('WebSocket: what it reads of frames is what was put in, however they were split', (test) => {
    seeded(
      test,
      fc.property(fc.array(frames, { maxLength: 8 }), cuts, (sent, sizes) => {
        assert.deepEqual(readWebSocket(split(Buffer.concat(sent.map(framed)), sizes)), sent.flatMap(toldOf));
      }),
    );
  });

  it('WebSocket: anything else is taken, and the same is told of it, however it was split', (test) => {
    seeded(
      test,
      fc.property(fc.array(fc.oneof(frames.map(framed), garbage), { maxLength: 8 }), cuts, (parts, sizes) => {
        const bytes = Buffer.concat(parts);
        assert.deepEqual(readWebSocket(split(bytes, sizes)), readWebSocket([bytes]));
      }),
    );
  });

  it('a packet of the smallest frames takes no longer than one frame of its size', () => {
    const started = process.cpuUsage();
    for (let packet = 0; packet < 20; packet++)
      assert.equal(readWebSocket([Buffer.alloc(65_534).fill(Buffer.from([0x82, 0]))]).length, 32_767);
    const { user, system } = process.cpuUsage(started);
    // Copying what is left for each frame takes seconds.
    assert.ok(user + system < 1_500_000, `${(user + system) / 1_000} ms`);
  });

  it('a packet of the smallest chunks is not copied for each', () => {
    const head = 'POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n';
    const started = process.cpuUsage();
    for (let packet = 0; packet < 20; packet++)
      assert.equal(readHttp1([Buffer.from(`${head}${'1\r\nx\r\n'.repeat(10_000)}0\r\n\r\n`)]).length, 2);
    const { user, system } = process.cpuUsage(started);
    assert.ok(user + system < 1_500_000, `${(user + system) / 1_000} ms`);
  });

  it('the first answer of a connection that was recorded before its request waits for it', () => {
    const [request, answer] = packetsOf([
      { from: 'a', length: 10 },
      { from: 'b', length: 10 },
    ]) as [Packet, Packet];
    const inOrder = new InOrder();
    assert.deepEqual([...inOrder.take(answer)], []);
    assert.deepEqual(
      [...inOrder.take(request)].map(({ packet, reception }) => [packet, reception.isNew]),
      [
        [request, true],
        [answer, true],
      ],
    );
  });

  it('packets that were recorded in another order are read in that in which they were sent', (test) => {
    seeded(
      test,
      fc.property(
        fc.array(segments, { maxLength: 30 }),
        fc.array(fc.nat({ max: 5 }), { minLength: 30, maxLength: 30 }),
        (sent, delays) => {
          const packets = packetsOf(sent);
          const recorded = packets
            .map((packet, index) => ({ packet, at: index + (delays[index] ?? 0) }))
            .toSorted((one, other) => one.at - other.at)
            .map(({ packet }, index) => ({ ...packet, atMs: index }));
          const inOrder = new InOrder();
          const taken = [
            ...recorded.flatMap((packet) => [...inOrder.take(packet)]),
            ...inOrder.giveUp(Number.POSITIVE_INFINITY),
          ];
          assert.deepEqual(
            taken.flatMap(({ reception }) => reception.missing),
            [],
          );
          for (const from of ['a', 'b'])
            assert.equal(
              taken
                .filter(({ packet, reception }) => packet.from === from && reception.isNew)
                .map(({ packet }) => packet.content.toString())
                .join(),
              packets
                .filter((packet) => packet.from === from)
                .map((packet) => packet.content.toString())
                .join(),
            );
          // An answer comes after what it answers.
          for (const [index, { packet }] of taken.entries())
            for (const { packet: later } of taken.slice(index + 1))
              assert.ok(
                packet.from === later.from || (packet.acknowledged ?? 0) <= later.sequence,
                `${packet.content} before ${later.content}`,
              );
        },
      ),
    );
  });

  it('packets with any numbers are each taken once, and few of them wait', (test) => {
    seeded(
      test,
      fc.property(fc.array(anyPackets, { maxLength: 200 }), (packets) => {
        const inOrder = new InOrder();
        let taken = 0;
        for (const [index, packet] of packets.entries()) {
          for (const _ of inOrder.take(packet)) taken += 1;
          assert.ok(index + 1 - taken <= 64);
        }
        for (const _ of inOrder.giveUp(Number.POSITIVE_INFINITY)) taken += 1;
        assert.equal(taken, packets.length);
      }),
    );
  });
});

const garbage = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      '\r\n',
      '\r\n\r\n',
      'GET / HTTP/1.1\r\n',
      'HTTP/1.1 200\r\n',
      'fffffffffffffffff\r\n',
      '-1\r\n',
      '0\r\n',
      ': \r\n',
      'Content-Length: 1e9\r\n',
    )
    .map((text) => Buffer.from(text)),
);
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 });

/** In pieces of these sizes, again and again. */
function split(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const size = sizes[index % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

interface Message {
  readonly method: string | undefined;
  readonly target: string | undefined;
  readonly status: number | undefined;
  readonly headers: (readonly [string, string])[];
  readonly chunks: readonly Uint8Array[] | undefined;
  readonly body: Uint8Array;
}

const names = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,12}$/);
const values = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
const bodies = fc.uint8Array({ maxLength: 80 });
const messages: fc.Arbitrary<Message> = fc
  .record({
    start: fc.oneof(
      fc.record({
        method: fc.constantFrom('GET', 'POST', 'M-SEARCH'),
        target: fc.webPath().map((path) => `/${path}`),
        status: fc.constant(undefined),
      }),
      fc.record({
        method: fc.constant(undefined),
        target: fc.constant(undefined),
        status: fc.integer({ min: 200, max: 599 }),
      }),
    ),
    headers: fc.array(fc.tuple(names, values), { maxLength: 4 }),
    chunks: fc.option(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 4 }), {
      nil: undefined,
    }),
    body: bodies,
  })
  .map(({ start, headers, chunks, body }) => ({
    ...start,
    headers: [
      ...headers,
      chunks === undefined
        ? (['content-length', String(body.length)] as const)
        : (['transfer-encoding', 'chunked'] as const),
    ],
    chunks,
    body,
  }));

function written({ method, target, status, headers, chunks, body }: Message): Buffer {
  const first = method === undefined ? `HTTP/1.1 ${status} Any Reason` : `${method} ${target} HTTP/1.1`;
  const head = [first, ...headers.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');
  if (chunks === undefined) return Buffer.concat([Buffer.from(head), body]);
  const parts = chunks.flatMap((chunk) => [
    Buffer.from(`${chunk.length.toString(16)};any=extension\r\n`),
    chunk,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([Buffer.from(head), ...parts, Buffer.from('0\r\nx-trailer: 1\r\n\r\n')]);
}

function readHttp1(pieces: readonly Buffer[]): unknown[] {
  const told: unknown[] = [];
  const reader = new Http1Reader({
    onHead: (head) => {
      told.push(head);
      const named = (wanted: string) => head.headers.find(([name]) => name === wanted)?.[1];
      if (named('transfer-encoding') === 'chunked') return 'chunked';
      return Number.parseInt(named('content-length') ?? '0', 10) || 0;
    },
    onEnd: () => told.push('end'),
    onUntilClose: () => {},
  });
  for (const piece of pieces) reader.take(piece);
  return told;
}

interface WebSocketFrame {
  readonly opcode: number;
  readonly mask: Uint8Array | undefined;
  readonly payload: Buffer;
}

const masks = fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: undefined });
const frames: fc.Arbitrary<WebSocketFrame> = fc.oneof(
  fc.record({
    opcode: fc.constantFrom(0, 1, 2),
    mask: masks,
    payload: fc
      .oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(125, 126, 65_535, 65_536))
      .map((length) => Buffer.alloc(length, 0x88)),
  }),
  fc.record({
    opcode: fc.constantFrom(9, 10),
    mask: masks,
    payload: fc.nat({ max: 125 }).map((length) => Buffer.alloc(length, 0x88)),
  }),
  fc.record({
    opcode: fc.constant(8),
    mask: masks,
    payload: fc.oneof(
      fc.constant(Buffer.alloc(0)),
      fc
        .tuple(fc.integer({ min: 1_000, max: 4_999 }), fc.string({ unit: 'grapheme-ascii', maxLength: 60 }))
        .map(([code, reason]) => Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)])),
    ),
  }),
);

function framed({ opcode, mask, payload }: WebSocketFrame): Buffer {
  const { length } = payload;
  const short = length < 126 ? length : length < 65_536 ? 126 : 127;
  const extended = Buffer.alloc(short === 126 ? 2 : short === 127 ? 8 : 0);
  if (short === 126) extended.writeUInt16BE(length);
  if (short === 127) extended.writeBigUInt64BE(BigInt(length));
  const content = mask === undefined ? payload : payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([
    Buffer.from([0x80 | opcode, short | (mask === undefined ? 0 : 0x80)]),
    extended,
    mask ?? Buffer.alloc(0),
    content,
  ]);
}

function toldOf({ opcode, payload }: WebSocketFrame): unknown[] {
  if (opcode < 8) return [payload.length];
  if (opcode > 8) return [];
  return [payload.length === 0 ? [undefined, ''] : [payload.readUInt16BE(0), payload.toString('utf8', 2)]];
}

function readWebSocket(pieces: readonly Buffer[]): unknown[] {
  const told: unknown[] = [];
  const reader = new WebSocketReader({
    onData: (bytes) => told.push(bytes),
    onClose: (code, reason) => told.push([code, reason]),
  });
  for (const piece of pieces) reader.take(piece);
  return told;
}

/** Who sends how many bytes; the other side has all that was sent before. */
const segments = fc.record({ from: fc.constantFrom('a', 'b'), length: fc.integer({ min: 1, max: 1_460 }) });

function packetsOf(sent: readonly { readonly from: 'a' | 'b'; readonly length: number }[]): Packet[] {
  // As tshark counts them, whether it has seen the connection's begin or not.
  const next = { a: 1, b: 1 };
  return sent.map(({ from, length }, index) => {
    const to = from === 'a' ? 'b' : 'a';
    const packet = packetOf({
      from,
      to,
      sequence: next[from],
      acknowledged: next[to],
      length,
      content: Buffer.from(`#${index}`),
    });
    next[from] += length;
    return packet;
  });
}

const numbers = fc.oneof(fc.nat({ max: 2 ** 32 - 1 }), fc.nat({ max: 20 }));
const anyPackets: fc.Arbitrary<Packet> = fc
  .record({
    from: fc.constantFrom('a', 'b'),
    sequence: numbers,
    acknowledged: fc.option(numbers, { nil: undefined }),
    length: fc.nat({ max: 9 }),
    capturedLength: fc.nat({ max: 9 }),
    isFin: fc.boolean(),
    isReset: fc.boolean(),
    atMs: fc.nat({ max: 1_000 }),
  })
  .map((some) => packetOf({ ...some, to: some.from === 'a' ? 'b' : 'a' }));

function packetOf(some: Partial<Packet>): Packet {
  return {
    number: 0,
    atMs: 0,
    connection: 0,
    from: 'a',
    to: 'b',
    isFin: false,
    isReset: false,
    sequence: 0,
    acknowledged: undefined,
    length: 0,
    capturedLength: some.length ?? 0,
    isTls: false,
    content: Buffer.alloc(0),
    frames: [],
    ...some,
  };
}
