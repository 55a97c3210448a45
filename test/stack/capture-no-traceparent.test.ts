/** Requests whose `traceparent` is not sent, or is lost on the way: the span of their client is found where it cannot be another one's. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { context, propagation } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { GrpcService, loadGrpc, startCall } from '../integrations/grpc/service.ts';
import { exportedFile } from '../support/exported-file.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { Telemetry } from '../support/telemetry.ts';
import { of, says, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();

describe('capture of clients that send no traceparent', {
  skip: 'unavailable' in tools && tools.unavailable,
}, () => {
  const telemetry = new Telemetry('alone');
  const service = new GrpcService(loadGrpc());
  const plain = http.createServer((request, response) => {
    // What looks alike is in flight at the same time.
    if (!request.url?.startsWith('/left')) setTimeout(() => response.end('ok'), 100);
  });
  const streams = http2.createServer((_request, response) => void setTimeout(() => response.end('ok'), 100));
  const proxy = http.createServer((request, response) => {
    const { traceparent: _lost, ...headers } = request.headers;
    quietly(() => {
      const passed = http.get({ port: portOf(plain), host: '127.0.0.1', path: request.url, headers });
      passed.on('response', (answer) => answer.pipe(response));
    });
  });
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  let recorded: PacketCapture;
  let all: Told[];

  before(async () => {
    for (const server of [plain, streams, proxy]) await once(server.listen(0, '127.0.0.1'), 'listening');
    await service.listen();
    const ports = [portOf(plain), portOf(streams), portOf(proxy), service.port];
    recorded = await startCapture((tools as { tcpdump: string }).tcpdump, ports);
    await (await fetch(`${urlOf(proxy)}/stripped`)).text();
    // As where propagation is off.
    propagation.disable();
    await callAll();
    await (await fetch(`${urlOf(plain)}/the-end`)).text();
    await recorded.stop('GET /the-end');
    await telemetry.allEnded();
    const spans = await exportedFile(telemetry.ended, recorded.folder);
    all = await told(recorded.file, '--spans', spans, '--all');
  });
  after(() => {
    for (const server of [plain, streams, proxy]) server.close();
    plain.closeAllConnections();
    agent.destroy();
    service.close();
    recorded.remove();
  });

  async function callAll(): Promise<void> {
    await (await fetch(`${urlOf(plain)}/fetched?a=1`)).text();
    await read(http.get(`${urlOf(plain)}/plain`));
    await fetch(`${urlOf(plain)}/left`, { signal: AbortSignal.timeout(300) }).catch(() => {});
    const session = http2.connect(urlOf(streams));
    await once(session.request({ ':path': '/stream' }).resume(), 'close');
    session.close();
    const client = await service.client();
    void service.hold();
    await startCall(client, 'unary', { deadline: Date.now() + 300 }).ended;
    await Promise.all(['/twin', '/twin'].map((path) => read(http.get(urlOf(plain) + path))));
    // The other one has no span.
    await Promise.all([
      read(http.get(`${urlOf(plain)}/beside`)),
      quietly(() => read(http.get(`${urlOf(plain)}/beside`))),
    ]);
    await Promise.all(['/queued', '/queued'].map((path) => read(http.get(urlOf(plain) + path, { agent }))));
    await quietly(() => read(http.get(`${urlOf(plain)}/nobody`)));
  }

  const clientOf = (path: string) =>
    telemetry.ended.find(
      ({ kind, attributes }) =>
        kind === 2 && (attributes['rpc.method'] ?? String(attributes['url.full'])).toString().includes(path),
    );
  const joinedTo = ({ remarks }: Told): string | undefined =>
    remarks.flatMap(
      (remark) => /^no traceparent was sent: trace (\w+) of the client/.exec(remark)?.[1] ?? [],
    )[0];
  const found = (exchange: Told, path: string) => {
    const span = clientOf(path);
    assert.ok(span !== undefined, path);
    assert.equal(joinedTo(exchange), span.spanContext().traceId, says(exchange).join('\n'));
  };

  for (const path of ['/fetched', '/plain', '/stream'])
    it(`${path} has the span of its client`, () => {
      found(all.find(({ target }) => target.startsWith(path)) as Told, path);
    });

  it('one that is left has it, too, with its limit and what the client did, in the sentence', () => {
    found(of(all, '/left'), '/left');
    assert.match(
      of(all, '/left').sentence ?? '',
      /^client set \d+ ms · client gave up at \+\d+ ms · the client closed the connection \((FIN|RST)\) at /,
    );
  });

  it('a gRPC call has the spans of both sides, and the wire what it sent', () => {
    found(of(all, '/test.Echo/unary'), 'test.Echo/unary');
    assert.match(
      of(all, '/test.Echo/unary').sentence ?? '',
      /^client set \d+ ms · the wire says \d+m · the server read \d+ ms · client gave up at /,
    );
  });

  for (const [path, why] of [
    ['/twin', 'two that look alike at the same time'],
    ['/beside', 'one of two whose other has no span'],
    ['/queued', 'one after the other, while a span waits for its turn'],
    ['/nobody', 'one of a client without a span'],
  ] as const)
    it(`${path}, ${why}: no client`, () => {
      const exchanges = all.filter(({ target }) => target === path);
      assert.ok(exchanges.length > 0);
      assert.deepEqual(
        exchanges.map(joinedTo),
        exchanges.map(() => undefined),
      );
    });

  it('what a proxy passes on without it is not the request of the client, which went to the proxy', () => {
    const [toProxy, toServer] = all.filter(({ target }) => target === '/stripped');
    assert.ok(toProxy?.traceId !== undefined && toServer !== undefined && toServer.traceId === undefined);
    assert.equal(joinedTo(toServer), undefined);
  });
});

function quietly<T>(fn: () => T): T {
  return context.with(suppressTracing(context.active()), fn);
}

async function read(request: http.ClientRequest): Promise<void> {
  const [response] = await once(request, 'response');
  await once(response.resume(), 'end');
}

function portOf(server: { address(): string | AddressInfo | null }): number {
  return (server.address() as AddressInfo).port;
}

function urlOf(server: { address(): string | AddressInfo | null }): string {
  return `http://127.0.0.1:${portOf(server)}`;
}
