/** HTTP/2 by Node's client, on one session. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { closeOf, HELD_PATH, type Load, leavable, Sessions, Waiting } from './load.ts';

export async function startHttp2(shared: AbortSignal): Promise<Load> {
  const http2 = await import('node:http2');
  const waiting = new Waiting();
  const server = http2
    .createServer()
    .on('stream', (stream, headers) => {
      stream.on('error', () => {}).resume();
      if (!waiting.isAnswered(String(headers[':path']), () => closeOf(stream))) return;
      stream.respond();
      stream.end('hello');
    })
    .listen(0, '127.0.0.1');
  await once(server, 'listening');
  async function connect() {
    const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await once(session, 'connect');
    return session;
  }
  const session = await connect();
  const left = new Sessions(connect, (old) => old.close());
  return {
    async complete() {
      await once(session.request({ ':path': '/' }, { signal: shared }).resume(), 'close');
    },
    async cancel() {
      const { signal, leave } = leavable(shared);
      const { path, arrived } = waiting.expect();
      const leaving = await left.forOneCancel();
      const over = closeOf(leaving.request({ ':path': path }, { signal }));
      const { ended } = await arrived;
      leave();
      await Promise.all([over, ended]);
    },
    hold: () => void session.request({ ':path': HELD_PATH }, { signal: shared }),
  };
}
