/** How WebSockets are closed, as the wire tells of it: by either side, without a close frame, with data after it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { captureTools, type PacketCapture, startCapture } from '../support/packet-capture.ts';
import { of, says, type Told, told } from '../support/told-by-capture.ts';

const tools = captureTools();

describe('capture of WebSockets', { skip: 'unavailable' in tools && tools.unavailable }, () => {
  const sockets: WebSocket[] = [];
  let server: WebSocketServer;
  let recorded: PacketCapture;
  let all: Told[];
  let notable: Told[];

  before(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: { threshold: 0 } });
    server.on('connection', serve);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    recorded = await startCapture((tools as { tcpdump: string }).tcpdump, [port]);
    const open = async (target: string, perMessageDeflate = true): Promise<WebSocket> => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}${target}`, { perMessageDeflate });
      sockets.push(socket);
      const greeted = once(socket, 'message');
      await once(socket, 'open');
      await greeted;
      return socket;
    };
    const closed = async (socket: WebSocket, close: () => void): Promise<void> => {
      const isClosed = once(socket, 'close');
      close();
      await isClosed;
    };
    const byClient = await open('/by-client', false);
    await closed(byClient, () => byClient.close(1000, 'done'));
    const withoutCode = await open('/without-code');
    await closed(withoutCode, () => withoutCode.close());
    const byServer = await open('/by-server');
    await closed(byServer, () => byServer.send('fail'));
    const terminated = await open('/terminated');
    await closed(terminated, () => terminated.terminate());
    const goesOn = await open('/goes-on', false);
    await closed(goesOn, () => goesOn.send('fail'));
    const healthy = await open('/healthy', false);
    healthy.send('the-end'.repeat(100));
    const echo = await once(healthy, 'message');
    assert.equal(String(echo[0]).length, 700);
    await recorded.stop('the-end');
    all = await told(recorded.file, '--all');
    notable = await told(recorded.file);
  });
  after(() => {
    for (const socket of sockets) socket.terminate();
    server.close();
    recorded.remove();
  });

  it('by the client, with its code and reason', () => {
    const lines = says(of(all, '/by-client'));
    assert.deepEqual(lines.slice(0, 4), [
      'client: request',
      'server: answer, status 101',
      'client: close frame 1000: done',
      'server: close frame 1000: done',
    ]);
    assert.match(lines[4] ?? '', /^connection: closed by the server: FIN$/);
    assert.equal(lines.length, 5);
  });

  it('without a code, which is 1005', () => {
    const lines = says(of(all, '/without-code'));
    assert.ok(lines.includes('client: close frame without a code (1005)'), lines.join('\n'));
  });

  it('by the server, with an error', () => {
    const one = of(all, '/by-server');
    assert.equal(one.webSocket?.closes.server?.code, 1011);
    assert.ok(says(one).includes('server: close frame 1011: stock is gone'), says(one).join('\n'));
  });

  it('without a close frame', () => {
    const one = of(all, '/terminated');
    assert.deepEqual([one.cut?.by, one.webSocket?.closes], ['client', {}]);
    assert.match(
      says(one).join('\n'),
      /client: closed the connection: (FIN|RST), without a close frame \(1006\)/,
    );
  });

  it('data after the close frame', () => {
    const one = of(all, '/goes-on');
    assert.equal(one.webSocket?.closes.server?.isFollowedByData, true);
    const text = says(one).join('\n');
    assert.match(text, /server: close frame 1000, and data after it/);
    assert.match(text, /server: the last of 2 frames after that: 7 bytes/);
  });

  it('what is open at the end, or was closed as it should be, is nothing to tell', () => {
    const healthy = of(all, '/healthy');
    assert.deepEqual([healthy.cut, healthy.webSocket], [undefined, { closes: {} }]);
    assert.deepEqual(healthy.remarks, ['the capture ends before it does']);
    assert.deepEqual(notable.map(({ target }) => target).sort(), ['/by-server', '/goes-on', '/terminated']);
  });
});

function serve(socket: WebSocket, { url }: { url?: string | undefined }): void {
  socket.on('error', () => {});
  // Larger than a packet, and than a length of 16 bits says.
  socket.send('x'.repeat(100_000));
  socket.on('message', (data) => {
    if (url === '/by-server') socket.close(1011, 'stock is gone');
    else if (url === '/goes-on') goOn(socket);
    else socket.send(data);
  });
}

/** `ws` sends nothing after a close frame: what others do is written by hand. */
function goOn(socket: WebSocket): void {
  const { _socket: raw } = socket as unknown as { readonly _socket: Duplex };
  raw.write(Buffer.from([0x88, 2, 0x03, 0xe8, 0x81, 3, ...Buffer.from('one')]));
  raw.write(Buffer.from([0x81, 4, ...Buffer.from('more')]));
}
