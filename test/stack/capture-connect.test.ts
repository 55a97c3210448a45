/** Calls of Connect that are given up or run out of time, and PINGs of grpc-js, answered and not, as the wire tells of them. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { GrpcService, loadGrpc, ready, startCall } from '../integrations/grpc/service.ts';
import {
  codeOf,
  connectClient,
  connectClientOverHttp1,
  type EchoClient,
} from '../integrations/http2/connect-service.ts';
import { Http2Lab } from '../integrations/http2/lab.ts';
import { exportedFile } from '../support/exported-file.ts';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { Telemetry } from '../support/telemetry.ts';
import { capture, of, says, type Told, told, toldIn } from '../support/told-by-capture.ts';

const tools = captureTools();
const TIMEOUT_MS = 1_000;

interface Case {
  readonly title: string;
  readonly protocol: 'HTTP/1.1' | 'HTTP/2';
  /** As it is sent. */
  readonly limit: string;
  readonly cut: string;
}

/** A reset by a deadline is an INTERNAL_ERROR of Connect. */
const CASES: readonly Case[] = [
  {
    title: 'Connect over HTTP/1.1',
    protocol: 'HTTP/1.1',
    limit: `connect-timeout-ms: ${TIMEOUT_MS}`,
    cut: 'the client closed the connection (FIN)',
  },
  {
    title: 'Connect over HTTP/2',
    protocol: 'HTTP/2',
    limit: `connect-timeout-ms: ${TIMEOUT_MS}`,
    cut: 'the reset left',
  },
  { title: 'gRPC of Connect', protocol: 'HTTP/2', limit: `${TIMEOUT_MS}m`, cut: 'the reset left' },
];

/** It falls silent when it is stopped, as a server does that hangs: its kernel still acknowledges. */
const SILENT = `
  const grpc = require('@grpc/grpc-js');
  const same = (bytes) => bytes;
  const server = new grpc.Server();
  const silent = {
    path: '/test.Echo/serverStream', requestStream: false, responseStream: true,
    requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same,
  };
  server.addService({ silent }, { silent: (call) => call.write(Buffer.from('{}')) });
  server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => console.log(port));
`;

describe('capture of Connect and of PING', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const telemetry = new Telemetry('alone');
  const lab = new Http2Lab();
  const service = new GrpcService(loadGrpc());
  let onCall = () => {};
  const plain = http.createServer((request, response) => {
    request.resume();
    if (request.url === '/the-end') response.end('the end');
    else onCall();
  });
  let silent: ChildProcess;
  let recorded: PacketCapture;
  let all: Told[];
  let notable: Told[];

  before(async () => {
    await once(plain.listen(0, '127.0.0.1'), 'listening');
    const streams = await lab.serve(() => onCall());
    await service.listen();
    const [plainUrl, streamsUrl] = [portOf(plain), streams.port].map((port) => `http://127.0.0.1:${port}`);
    silent = spawn(process.execPath, ['-e', SILENT], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(silent.stdout as NonNullable<typeof silent.stdout>, 'data');
    const ports = [portOf(plain), streams.port, service.port, Number(line)];
    recorded = await startCapture((tools as { tcpdump: string }).tcpdump, ports);
    const pings = callWithPings(Number(line));
    await callConnect([
      connectClientOverHttp1(createRequire(import.meta.url), 'connect', String(plainUrl)),
      connectClient('connect', String(streamsUrl), lab),
      connectClient('grpc', String(streamsUrl), lab),
    ]);
    await pings;
    await telemetry.allEnded();
    const spans = await exportedFile(telemetry.ended, recorded.folder);
    await (await fetch(`${plainUrl}/the-end`)).text();
    await recorded.stop('GET /the-end');
    all = await told(recorded.file, '--spans', spans, '--all');
    notable = toldIn((await capture(recorded.file, '--json')).stdout);
  });
  after(async () => {
    silent.kill('SIGKILL');
    service.close();
    await lab.close();
    plain.closeAllConnections();
    plain.close();
    recorded.remove();
  });

  for (const [index, { title, protocol, limit, cut }] of CASES.entries()) {
    const call = (isDeadline: boolean): Told => {
      const exchange = callsOfConnect()[index * 2 + (isDeadline ? 1 : 0)];
      assert.ok(exchange !== undefined, `${all.length} exchanges`);
      return exchange;
    };

    it(`${title}: a deadline, as it was sent, and that it was one`, () => {
      const exchange = call(true);
      assert.equal(exchange.protocol, protocol);
      assert.equal(exchange.limit?.timeoutMs, TIMEOUT_MS);
      const sentence = exchange.sentence ?? '';
      assert.ok(
        sentence.startsWith(`client set ${TIMEOUT_MS} ms · the wire says ${limit} · the server read `),
        sentence,
      );
      assert.ok(sentence.includes(` · ${cut} at +`), sentence);
      assert.match(says(exchange).join('\n'), /^client span: deadline_exceeded \(local, /m);
      if (protocol === 'HTTP/2') assert.ok(says(exchange).includes('client: RST_STREAM INTERNAL_ERROR'));
      assert.equal(exchange.answerAtMs, undefined);
    });

    it(`${title}: a cancel, and that there was no limit`, () => {
      const exchange = call(false);
      assert.deepEqual([exchange.protocol, exchange.limitHeaders], [protocol, []]);
      const sentence = exchange.sentence ?? '';
      assert.ok(sentence.startsWith('client gave up at +') && sentence.includes(` · ${cut} at +`), sentence);
      assert.match(says(exchange).join('\n'), /^client span: canceled \(local, abort\): leave \(/m);
      assert.match(says(exchange).join('\n'), /^server span: canceled \(peer, (reset|disconnect)\)$/m);
      if (protocol === 'HTTP/2') assert.ok(says(exchange).includes('client: RST_STREAM CANCEL'));
    });
  }

  it('a PING that nobody answers: since when, and that its sender closed the connection for it', () => {
    const exchange = of(all, '/test.Echo/serverStream');
    const { cut, unansweredPingAtMs = 0, connectionEnd } = exchange;
    assert.deepEqual([cut?.by, cut?.how], ['client', 'FIN'], says(exchange).join('\n'));
    assert.ok((connectionEnd?.atMs ?? 0) - unansweredPingAtMs >= KEEPALIVE_TIMEOUT_MS - 50);
    const ping = says(exchange).filter((text) => text.includes('PING'));
    assert.equal(ping.length, 1);
    assert.match(
      ping[0] ?? '',
      /^client: PING, without an answer until it closed the connection \d+ ms later$/,
    );
    assert.equal(exchange.grpcStatus, undefined);
  });

  it('PINGs that are answered are nothing to tell', () => {
    const healthy = all.find(({ server }) => server === service.address);
    assert.equal(healthy?.grpcStatus, 0);
    assert.ok((healthy.answerEndAtMs ?? 0) - healthy.requestAtMs > 2 * KEEPALIVE_MS);
    assert.deepEqual([healthy.unansweredPingAtMs, healthy.remarks], [undefined, []]);
    assert.ok(!says(healthy).join('\n').includes('PING'));
    assert.ok(!notable.some(({ server }) => server === service.address));
  });

  /** In the order of CASES, of each first that which is given up. */
  const callsOfConnect = (): Told[] =>
    all
      .filter(({ target, server }) => target === '/test.Echo/unary' && server !== service.address)
      .toSorted((one, other) => one.requestAtMs - other.requestAtMs);

  async function callConnect(clients: readonly EchoClient[]): Promise<void> {
    for (const client of clients) {
      const controller = new AbortController();
      onCall = function leave() {
        controller.abort();
      };
      await codeOf(client.unary({ value: 'ping' }, { signal: controller.signal }));
      onCall = () => {};
      await codeOf(client.unary({ value: 'ping' }, { timeoutMs: TIMEOUT_MS }));
    }
  }

  async function callWithPings(silentPort: number): Promise<void> {
    const options = { 'grpc.keepalive_time_ms': KEEPALIVE_MS };
    service.handler = (_call, answer) => {
      setTimeout(() => answer(null, { text: 'pong' }), 2.5 * KEEPALIVE_MS);
    };
    const patient = await service.client(service.address, options);
    const answered = startCall(patient, 'unary').ended;
    const impatient = await service.client(`127.0.0.1:${silentPort}`, {
      ...options,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    });
    await ready(impatient);
    const { call, ended } = startCall(impatient, 'serverStream');
    await once(call, 'data');
    silent.kill('SIGSTOP');
    assert.match(String(await ended), /UNAVAILABLE/);
    assert.equal(await answered, null);
  }
});

/** The least that grpc-js takes. */
const KEEPALIVE_MS = 1_000;
const KEEPALIVE_TIMEOUT_MS = 400;

function portOf(server: http.Server): number {
  return (server.address() as AddressInfo).port;
}
