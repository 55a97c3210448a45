/** Time limits as they were written, right and wrong: each decoded exactly or named, and never a number that nobody meant. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2, { type OutgoingHttpHeaders } from 'node:http2';
import { type AddressInfo, connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { of, says, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();

/** A value of grpc-timeout: ms, or why it is none. */
const GRPC_TIMEOUTS: Readonly<Record<string, number | string>> = {
  '1n': 1e-6,
  '99999999n': 99.999999,
  '1u': 0.001,
  '250u': 0.25,
  '99999999u': 99_999.999,
  '0m': 0,
  '5m': 5,
  '00000005m': 5,
  '99999999m': 99_999_999,
  '5S': 5_000,
  '2147483S': 2_147_483_000,
  '2147484S': 'longer than timers can count',
  '99999999S': 'longer than timers can count',
  '1M': 60_000,
  '35791M': 2_147_460_000,
  '99999999M': 'longer than timers can count',
  '1H': 3_600_000,
  '596H': 2_145_600_000,
  '99999999H': 'longer than timers can count',
  '100000000n': 'breaks its grammar',
  '100000000m': 'breaks its grammar',
  '000000005m': 'breaks its grammar',
  '9223372036854775807n': 'breaks its grammar',
  '-5m': 'breaks its grammar',
  '+5m': 'breaks its grammar',
  '5': 'breaks its grammar',
  m: 'breaks its grammar',
  '5s': 'breaks its grammar',
  '5ms': 'breaks its grammar',
  '5 m': 'breaks its grammar',
  '1.5S': 'breaks its grammar',
  '1e3m': 'breaks its grammar',
  '0x10m': 'breaks its grammar',
  é5m: 'breaks its grammar',
  infinity: 'breaks its grammar',
  NaN: 'breaks its grammar',
  '': 'breaks its grammar',
  '5m, 7m': 'sent more than once',
};

/** Of all headers, over either protocol: what is said of them. */
const OTHERS: readonly (readonly [
  headers: Record<string, string>,
  timeoutMs: number | null,
  remark?: RegExp,
])[] = [
  [{}, null],
  [{ 'connect-timeout-ms': '5000' }, 5_000],
  [
    { 'connect-timeout-ms': '9999999999' },
    null,
    /connect-timeout-ms: "9999999999" longer than timers can count/,
  ],
  [{ 'connect-timeout-ms': '-1' }, null, /connect-timeout-ms: "-1" breaks its grammar/],
  [{ 'connect-timeout-ms': '5s' }, null, /connect-timeout-ms: "5s" breaks its grammar/],
  [{ 'connect-timeout-ms': '' }, null, /connect-timeout-ms: "" breaks its grammar/],
  [{ 'timeout-ms': '250' }, 250],
  [{ 'x-request-timeout': '30s' }, null, /x-request-timeout: "30s" breaks its grammar/],
  [{ 'x-envoy-expected-rq-timeout-ms': '15000' }, 15_000],
  [{ 'x-request-deadline': '0' }, null, /x-request-deadline: "0" more than a day away/],
  [
    { 'x-request-deadline': '9999999999999999' },
    null,
    /x-request-deadline: "9999999999999999" more than a day away/,
  ],
  [{ 'timeout-ms': '900', 'x-request-timeout': '400' }, 400],
  [{ 'x-empty': '', 'timeout-ms': '70', 'x-also-empty': '' }, 70],
];

/** What stands for a byte that is no ASCII. */
const UNREADABLE = '\ufffd';

describe('capture of time limits', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const { tcpdump } = tools as { tcpdump: string };
  const plain = http.createServer((_request, response) => void response.end());
  const streams = http2.createServer((_request, response) => void response.end());
  let recorded: PacketCapture;
  let all: Told[];

  before(async () => {
    for (const server of [plain, streams]) await once(server.listen(0, '127.0.0.1'), 'listening');
    recorded = await startCapture(tcpdump, [portOf(plain), portOf(streams)]);
    await writeHttp2();
    await writeHttp1();
    await recorded.stop('GET /the-end');
    all = await told(recorded.file, '--all');
  });
  after(() => {
    for (const server of [plain, streams]) server.close();
    recorded.remove();
  });

  for (const [index, [value, expected]] of Object.entries(GRPC_TIMEOUTS).entries())
    it(`grpc-timeout: ${value} is ${typeof expected === 'number' ? `${expected} ms` : `none: ${expected}`}`, () => {
      const exchange = of(all, `/grpc/${index}`);
      const sent = value.replace('é', UNREADABLE);
      assert.deepEqual(exchange.limitHeaders, [['grpc-timeout', sent]]);
      checkLimit(exchange, typeof expected === 'number' ? expected : null);
      if (typeof expected === 'string')
        assert.deepEqual(
          exchange.remarks.filter((remark) => remark.startsWith('grpc-timeout')),
          [`grpc-timeout: "${sent}" ${expected}; accepted: 1 to 8 digits and one of H, M, S, m, u, n`],
        );
    });

  for (const protocol of ['HTTP/2', 'HTTP/1.1'] as const)
    for (const [index, [headers, timeoutMs, remark]] of OTHERS.entries())
      it(`${protocol}, ${JSON.stringify(headers)}: ${timeoutMs ?? 'no limit'}`, () => {
        const exchange = of(all, `/${protocol}/${index}`);
        assert.deepEqual(
          Object.fromEntries(exchange.limitHeaders),
          Object.fromEntries(Object.entries(headers).filter(([name]) => !name.includes('empty'))),
        );
        checkLimit(exchange, timeoutMs);
        if (remark === undefined) assert.deepEqual(exchange.remarks, []);
        else assert.match(exchange.remarks.join('\n'), remark);
      });

  it('a grpc-timeout that is sent twice is believed neither', () => {
    const exchange = of(all, '/twice');
    assert.deepEqual(exchange.limitHeaders, [
      ['grpc-timeout', '5m'],
      ['grpc-timeout', '7m'],
    ]);
    checkLimit(exchange, null);
  });

  it('a header in two parts, HEADERS and CONTINUATION, is whole', () => {
    const exchange = of(all, '/continued');
    assert.deepEqual(exchange.limitHeaders, [['grpc-timeout', '5S']]);
    checkLimit(exchange, 5_000);
    assert.notEqual(exchange.requestEndAtMs, undefined);
  });

  /** @param timeoutMs null: nothing that can be believed */
  function checkLimit(exchange: Told, timeoutMs: number | null): void {
    assert.equal(exchange.cut, undefined);
    if (timeoutMs === null) assert.equal(exchange.limit?.header, undefined, JSON.stringify(exchange.limit));
    else assert.equal(exchange.limit?.timeoutMs, timeoutMs);
    const [request] = says(exchange).filter((line) => line.startsWith('client: request'));
    if (timeoutMs === null) assert.doesNotMatch(request ?? '', / ms$/);
    assert.doesNotMatch(request ?? '', /= (?!no limit$|\d{1,10}(\.\d)? ms$)/);
  }

  async function writeHttp2(): Promise<void> {
    const session = http2.connect(`http://127.0.0.1:${portOf(streams)}`);
    const ask = async (path: string, headers: OutgoingHttpHeaders) => {
      const stream = session.request({ ':path': path, ...headers });
      await once(stream.resume(), 'close');
    };
    const values = Object.keys(GRPC_TIMEOUTS);
    await Promise.all([
      ...values.map((value, index) => ask(`/grpc/${index}`, { 'grpc-timeout': value })),
      ...OTHERS.map(([headers], index) => ask(`/HTTP/2/${index}`, headers)),
      ask('/continued', { ...filler(20), 'grpc-timeout': '5S' }),
    ]);
    session.close();
    await writeTwice();
  }

  /** Node's client refuses to. */
  async function writeTwice(): Promise<void> {
    const literal = (name: string, value: string) =>
      Buffer.concat([
        Buffer.from([0, name.length]),
        Buffer.from(name),
        Buffer.from([value.length]),
        Buffer.from(value),
      ]);
    const block = Buffer.concat([
      literal(':method', 'POST'),
      literal(':scheme', 'http'),
      literal(':path', '/twice'),
      literal(':authority', '127.0.0.1'),
      literal('grpc-timeout', '5m'),
      literal('grpc-timeout', '7m'),
    ]);
    const frame = (type: number, flags: number, stream: number, body: Buffer) => {
      const head = Buffer.alloc(9);
      head.writeUIntBE(body.length, 0, 3);
      head[3] = type;
      head[4] = flags;
      head.writeUInt32BE(stream, 5);
      return Buffer.concat([head, body]);
    };
    const socket = connect(portOf(streams), '127.0.0.1');
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    socket.write(frame(4, 0, 0, Buffer.alloc(0)));
    socket.write(frame(1, 5, 1, block));
    socket.on('data', (data) => {
      if (data.includes(frame(0, 1, 1, Buffer.alloc(0)).subarray(3))) socket.end();
    });
    setTimeout(() => socket.end(), 500).unref();
    await once(socket, 'close');
  }

  async function writeHttp1(): Promise<void> {
    const url = `http://127.0.0.1:${portOf(plain)}`;
    for (const [index, [headers]] of OTHERS.entries())
      await (await fetch(`${url}/HTTP/1.1/${index}`, { headers })).text();
    await (await fetch(`${url}/the-end`)).text();
  }
});

/** More than a frame of HEADERS holds. */
function filler(kilobytes: number): Record<string, string> {
  return Object.fromEntries(
    Array.from({ length: kilobytes }, (_, index) => [`x-${index}`, 'é~|\\^'.repeat(170)]),
  );
}

function portOf(server: { address(): string | AddressInfo | null }): number {
  return (server.address() as AddressInfo).port;
}
