/**
 * Ways into the network of another machine, which shares its files with this one: a connection to a port here goes
 * through a socket in a folder to a process that was started over there, which goes on to 127.0.0.1.
 */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  type AddressInfo,
  connect,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loopback, startServer } from '../../support/server-process.ts';

export type Ways = { urls: ReadonlyMap<number, string>; close(): Promise<void> };

const self = fileURLToPath(import.meta.url);

/** @param enter arguments of nsenter: where the ports are */
export async function openWays(
  enter: readonly string[],
  folder: string,
  ports: readonly number[],
): Promise<Ways> {
  const relay = [process.execPath, '--import', 'tsx', self, folder, ...ports.map(String)];
  const stop = await startServer({
    name: 'the relay',
    binary: 'nsenter',
    args: [...enter, 'setpriv', '--pdeathsig', 'KILL', ...relay],
    isReady: async () => ports.every((port) => existsSync(socketOf(folder, port))),
  });
  const urls = new Map<number, string>();
  const closers: (() => Promise<unknown>)[] = [];
  for (const port of ports) {
    const server = passOn({ path: socketOf(folder, port) });
    const sockets = new Set<Socket>();
    server.on('connection', (socket) => sockets.add(socket));
    server.listen(0, loopback);
    await once(server, 'listening');
    urls.set(port, `http://${loopback}:${(server.address() as AddressInfo).port}`);
    closers.push(async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
  }
  return {
    urls,
    async close() {
      await Promise.all(closers.map((close) => close()));
      await stop();
    },
  };
}

function passOn(destination: NetConnectOpts): Server {
  return createServer((from) => {
    const to = connect(destination);
    from.pipe(to).pipe(from); // an end is passed on, behind all that was sent before it
    from.on('error', () => to.destroy());
    to.on('error', () => from.destroy());
  });
}

function socketOf(folder: string, port: number): string {
  return join(folder, `${port}.sock`);
}

if (process.argv[1] === self) {
  const [folder = '', ...ports] = process.argv.slice(2);
  for (const port of ports)
    passOn({ host: loopback, port: Number(port) }).listen(socketOf(folder, Number(port)));
}
