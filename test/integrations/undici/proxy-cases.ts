/** What is staged through a proxy, by a ProxyAgent, which has two agents of its own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { ContractCase } from '../../support/contract.ts';
import type { Setup } from '../../support/telemetry.ts';
import { aborted, left, rejection, unmarked, userLeaves } from './fetch-cases.ts';
import type { UndiciLibrary } from './library.ts';
import type { UndiciServer } from './server.ts';

export interface Proxy {
  readonly origin: string;
  /** Opens tunnels to nowhere. */
  readonly refusingOrigin: string;
  close(): void;
}

/** It makes no spans. */
export async function startProxy(): Promise<Proxy> {
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket): net.Socket => {
    sockets.add(socket);
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  };
  const proxy = net.createServer((socket) => {
    keep(socket).once('data', (head) => {
      const [, host, port] = /^CONNECT ([\d.]+):(\d+) /.exec(String(head)) ?? [];
      const target = keep(net.connect(Number(port), host));
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      socket.pipe(target).pipe(socket);
      socket.on('close', () => target.destroy());
    });
  });
  const refusing = net.createServer((socket) => {
    keep(socket).once('data', () => socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
  });
  const servers = [proxy, refusing];
  await Promise.all(servers.map((server) => once(server.listen(0, '127.0.0.1'), 'listening')));
  const originOf = (server: net.Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin: originOf(proxy),
    refusingOrigin: originOf(refusing),
    close() {
      for (const server of servers) server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export function proxyCases(
  { name, undici }: UndiciLibrary,
  server: UndiciServer,
  proxy: Proxy,
  setup: Setup,
): readonly ContractCase[] {
  const { ProxyAgent } = undici;
  const { origin } = server;
  const through = (uri: string): InstanceType<typeof ProxyAgent> =>
    new ProxyAgent({ uri, proxyTunnel: true });
  const cases: ContractCase[] = [
    {
      name: 'is answered',
      async stage() {
        const dispatcher = through(proxy.origin);
        const { body } = await undici.request(`${origin}/`, { dispatcher });
        assert.equal(await body.text(), 'ok');
        await dispatcher.destroy();
      },
      client: { ...unmarked, status: 'unset' },
      server: unmarked,
    },
    {
      name: 'is aborted',
      async stage() {
        const dispatcher = through(proxy.origin);
        const controller = new AbortController();
        const seen = server.seen('/hang/proxy');
        const end = rejection(
          undici.request(`${origin}/hang/proxy`, { dispatcher, signal: controller.signal }),
        );
        await seen;
        userLeaves(controller, 'gone');
        await end;
        await server.idle();
        await dispatcher.destroy();
      },
      client: { ...aborted, phase: 'wait', reason: 'gone', origin: 'userLeaves' },
      server: left,
    },
    {
      name: 'is destroyed with its agent',
      async stage() {
        const dispatcher = through(proxy.origin);
        const seen = server.seen('/hang/proxy');
        const end = rejection(undici.request(`${origin}/hang/proxy`, { dispatcher }));
        await seen;
        await (function shutDown() {
          return dispatcher.destroy();
        })();
        await end;
        await server.idle();
      },
      client: { outcome: 'context.canceled', initiator: 'local', trigger: 'destroy', origin: 'shutDown' },
      server: left,
    },
    {
      name: 'is refused by the proxy, which is a failure',
      async stage() {
        const dispatcher = through(proxy.refusingOrigin);
        await rejection(undici.request(`${origin}/`, { dispatcher }));
        await dispatcher.destroy();
      },
      // The official instrumentation takes it for an abort, of which it says nothing.
      client: setup === 'alone' ? { ...unmarked, status: 'error' } : unmarked,
      server: null,
    },
  ];
  return cases.map((each) => ({ ...each, name: `${name}, through a proxy: ${each.name}` }));
}
