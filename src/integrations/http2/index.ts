/**
 * node:http2, client and server, core and compatibility API: who ended a stream, why, and how far it was.
 *
 * Limitations. CONNECT (tunnels, WebSockets over HTTP/2) and pushed streams make no spans: their end by
 * either side is no cancel. grpc-js and undici ride on node:http2 and have integrations of their own, so
 * their streams are left to those, whether or not they are in use. HTTP/1 requests on a server with
 * `allowHTTP1` belong to node:http. A response that the application never reads to its end keeps its
 * CLIENT span open until the session closes. When a server made with Node closes a stream in the
 * middle of a body, Node ends the body first, so that the client takes it for complete. The break of a
 * for-await loop destroys the stream in a microtask, which has no origin to show. Who destroyed the socket
 * under a session is known (this process or not), but not from which line.
 */
import { undoAll } from '../../hook/replace.ts';
import type { Integration } from '../../integration.ts';
import { watchRequests } from './client-hooks.ts';
import { watchConnections } from './connection-hooks.ts';
import { learnSessions } from './internals.ts';
import { StreamHooks } from './stream-hooks.ts';

export const http2Integration: Integration = {
  name: 'http2',
  install(host, installation) {
    const { client, session } = learnSessions();
    const streamHooks = new StreamHooks(host, installation);
    const undos = [
      () => streamHooks.undo(),
      watchConnections(host, installation, session, streamHooks),
      watchRequests(host, installation, client, streamHooks),
    ];
    return () => undoAll(undos);
  },
};
