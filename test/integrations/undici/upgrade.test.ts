/** WebSockets, upgrades and streams of events: whatever becomes of one, its span ends. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, afterEach, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { checkSpan, type Expectation } from '../../support/contract.ts';
import { setup } from '../../support/setup.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { aborted, rejection, unmarked, userLeaves } from './fetch-cases.ts';
import { loadUndici, undiciVersions } from './library.ts';

const telemetry = new Telemetry(setup);
const server = http.createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n');
});
server.on('upgrade', ({ url, headers }: http.IncomingMessage, socket: Duplex) => {
  socket.on('error', () => {});
  onUpgrade();
  if (url === '/hang') return;
  if (url === '/refused') return socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno');
  const accept = createHash('sha1').update(
    `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`,
  );
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${headers.upgrade}\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Accept: ${accept.digest('base64')}\r\n\r\n`,
  );
  // A close frame is answered by one.
  socket.on('data', ([first = 0]: Buffer) => (first & 15) === 8 && socket.end(Buffer.from([0x88, 0])));
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
after(() => {
  server.closeAllConnections();
  server.close();
});
const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
let onUpgrade = (): void => {};

const SWITCHED: Expectation = {
  ...unmarked,
  status: 'unset',
  attributes: { 'http.response.status_code': 101, 'error.type': undefined },
};

async function theSpan(expected: Expectation): Promise<void> {
  await telemetry.allEnded();
  const spans = telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT);
  assert.equal(spans.length, 1, spans.map(({ name }) => name).join());
  checkSpan(spans[0] as (typeof spans)[0], expected, 'CLIENT');
}

interface Client {
  readonly WebSocket?: typeof globalThis.WebSocket;
  readonly EventSource?: typeof import('undici7').EventSource;
  readonly upgrade?: typeof import('undici7').upgrade;
}
const clients: Record<string, Client> = { global: globalThis as Client };
for (const name of ['undici-early', ...undiciVersions()] as const) {
  const { undici, agent } = loadUndici(name);
  after(() => agent.destroy());
  clients[name] = undici as Client;
}

for (const [name, { WebSocket, EventSource, upgrade }] of Object.entries(clients)) {
  describe(`${name}, ${setup}`, () => {
    beforeEach(() => telemetry.reset());
    afterEach(() => {
      assert.deepEqual(telemetry.diagnostics, []);
      assert.deepEqual(telemetry.endedTwice, []);
    });

    if (WebSocket !== undefined) {
      it('a WebSocket is a request until it is open', async () => {
        const socket = new WebSocket(`ws://${host}/`);
        await new Promise((resolve) => {
          socket.onopen = resolve;
        });
        await theSpan(SWITCHED);
        const closed = new Promise((resolve) => {
          socket.onclose = resolve;
        });
        socket.close();
        await closed;
        await theSpan(SWITCHED);
      });

      it('a WebSocket that is refused is a failure', async () => {
        const socket = new WebSocket(`ws://${host}/refused`);
        await new Promise((resolve) => {
          socket.onerror = resolve;
        });
        const attributes = { 'http.response.status_code': 400, 'error.type': '400' };
        await theSpan({ ...unmarked, status: 'error', attributes });
      });

      it('a WebSocket that is closed before it is open is cancelled', async () => {
        const reached = new Promise<void>((resolve) => {
          onUpgrade = resolve;
        });
        const socket = new WebSocket(`ws://${host}/hang`);
        const failed = new Promise((resolve) => {
          socket.onerror = resolve;
        });
        await reached;
        loseInterest(socket);
        await failed;
        await theSpan({ ...aborted, phase: 'wait', origin: 'loseInterest' });
      });
    }

    if (EventSource !== undefined) {
      it('a stream of events is cancelled when it is closed', async () => {
        const source = new EventSource(`http://${host}/`);
        await new Promise((resolve) => {
          source.onmessage = resolve;
        });
        loseInterest(source);
        await theSpan({ ...aborted, phase: 'receive', origin: 'loseInterest' });
      });
    }

    if (upgrade !== undefined) {
      it('upgrade() is a request until the connection is the application’s', async () => {
        const { socket } = await upgrade(`http://${host}/`, { protocol: 'echo' });
        await theSpan(SWITCHED);
        socket.destroy();
      });

      it('upgrade() that is aborted is cancelled', async () => {
        const reached = new Promise<void>((resolve) => {
          onUpgrade = resolve;
        });
        const controller = new AbortController();
        const options = { protocol: 'echo', signal: controller.signal };
        const promise = rejection(upgrade(`http://${host}/hang`, options));
        await reached;
        userLeaves(controller);
        await promise;
        await theSpan({ ...aborted, phase: 'wait', origin: 'userLeaves' });
      });
    }
  });
}

function loseInterest(connection: { close(): void }): void {
  connection.close();
}
