/** A proxy between client and server that drops, raises or lowers what the client has sent as its time limit: told by the capture of both hops. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http, { type IncomingHttpHeaders } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { capture, type Told, toldIn } from '../support/told-by-capture.ts';

const tools = captureTools();

interface Case {
  readonly title: string;
  readonly sent: Readonly<Record<string, string>>;
  /** What the proxy makes of it. */
  readonly passes: Readonly<Record<string, string>>;
  /** Of the hop to the server; undefined: nothing is wrong with it. */
  readonly remark: RegExp | undefined;
  readonly isNotable: boolean;
}

const CASES: readonly Case[] = [
  {
    title: 'passed on',
    sent: { 'timeout-ms': '5000' },
    passes: { 'timeout-ms': '4999' },
    remark: undefined,
    isNotable: false,
  },
  {
    title: 'dropped',
    sent: { 'timeout-ms': '5000' },
    passes: {},
    remark: /^the limit was lost on the way: .* has timeout-ms: 5000 = 5000 ms, this one none$/,
    isNotable: true,
  },
  {
    title: 'raised',
    sent: { 'timeout-ms': '5000' },
    passes: { 'x-request-timeout': '30000' },
    remark:
      /^the limit was raised on the way: .* has timeout-ms: 5000 = 5000 ms, this one x-request-timeout: 30000 = 30000 ms$/,
    isNotable: true,
  },
  {
    title: 'lowered',
    sent: { 'timeout-ms': '5000' },
    passes: { 'timeout-ms': '1000' },
    remark: /^the limit was lowered on the way/,
    isNotable: false,
  },
  {
    title: 'broken',
    sent: { 'timeout-ms': '5000' },
    passes: { 'timeout-ms': '5s' },
    remark: /^the limit was lost on the way: .* this one timeout-ms: 5s = no limit$/,
    isNotable: true,
  },
  {
    title: 'made up',
    sent: {},
    passes: { 'timeout-ms': '1000' },
    remark: /^the limit was added on the way/,
    isNotable: false,
  },
  { title: 'never there', sent: {}, passes: {}, remark: undefined, isNotable: false },
];

/** The proxy speaks HTTP/1.1 to its clients, and this to the server. */
const SERVERS = ['HTTP/1.1', 'HTTP/2'] as const;

describe('capture of two hops', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const { tcpdump } = tools as { tcpdump: string };
  const plain = http.createServer((_request, response) => void response.end());
  const streams = http2.createServer((_request, response) => void response.end());
  const proxy = http.createServer((request, response) => {
    const one = CASES[Number(request.headers['x-case'])] as Case;
    const headers = { traceparent: String(request.headers.traceparent), ...one.passes };
    void pass(String(request.url), headers).then(() => response.end());
  });
  let session: http2.ClientHttp2Session;
  let recorded: PacketCapture;
  let all: Told[];
  let notable: Told[];

  before(async () => {
    for (const server of [plain, streams, proxy]) await once(server.listen(0, '127.0.0.1'), 'listening');
    session = http2.connect(`http://127.0.0.1:${portOf(streams)}`);
    recorded = await startCapture(tcpdump, [plain, streams, proxy].map(portOf));
    for (const [side, target] of SERVERS.entries())
      for (const [index, { sent }] of CASES.entries()) {
        const traceparent = `00-${String(side * 100 + index + 1).padStart(32, '0')}-0000000000000001-01`;
        const headers = { ...sent, traceparent, 'x-case': String(index) };
        await (await fetch(`http://127.0.0.1:${portOf(proxy)}/${target}`, { headers })).text();
      }
    await (await fetch(`http://127.0.0.1:${portOf(plain)}/the-end`)).text();
    await recorded.stop('GET /the-end');
    all = toldIn((await capture(recorded.file, '--all', '--json')).stdout);
    notable = toldIn((await capture(recorded.file, '--json')).stdout);
  });
  after(() => {
    session.close();
    for (const server of [plain, streams, proxy]) server.close();
    recorded.remove();
  });

  for (const [side, target] of SERVERS.entries())
    for (const [index, { title, remark, isNotable }] of CASES.entries())
      it(`${target} behind the proxy, a limit ${title}`, () => {
        const traceId = String(side * 100 + index + 1).padStart(32, '0');
        const hops = all.filter((exchange) => exchange.traceId === traceId);
        const toProxy = hops.find(({ server }) => server === `127.0.0.1:${portOf(proxy)}`);
        const toServer = hops.find((exchange) => exchange !== toProxy);
        assert.ok(toProxy !== undefined && toServer !== undefined, JSON.stringify(hops));
        assert.deepEqual(toProxy.remarks, []);
        assert.equal(toServer.hopBefore?.client, toProxy.client);
        if (remark === undefined) assert.deepEqual(toServer.remarks, []);
        else assert.match(toServer.remarks.find((text) => text.startsWith('the limit')) ?? '', remark);
        assert.equal(
          notable.some((exchange) => exchange.traceId === traceId),
          isNotable,
        );
      });

  async function pass(url: string, headers: IncomingHttpHeaders): Promise<void> {
    if (url.endsWith('HTTP/2')) {
      const stream = session.request({ ':path': url, ...headers });
      await once(stream.resume(), 'close');
    } else {
      const request = http.get({ port: portOf(plain), host: '127.0.0.1', path: url, headers });
      const [response] = await once(request, 'response');
      await once(response.resume(), 'end');
    }
  }
});

function portOf(server: { address(): string | AddressInfo | null }): number {
  return (server.address() as AddressInfo).port;
}
