/**
 * node:http2, client and server, core and compatibility API: who ended a stream, why, and how far it was.
 *
 * Limitations. CONNECT (tunnels, WebSockets over HTTP/2) and pushed streams make no spans: their end by
 * either side is no cancel. grpc-js and undici ride on node:http2 and have integrations of their own, so
 * their streams are left to those, whether or not they are in use. HTTP/1 requests on a server with
 * `allowHTTP1` belong to node:http. A response that the application never reads to its end keeps its
 * CLIENT span open until the session closes. A server that resets a stream with NO_ERROR in the middle
 * of a body cannot be told from one that ended it: Node hides it. Retries of the peer's refusals are
 * operations of their own.
 */
import { undoAll } from '../../hook/replace.ts';
import type { Integration } from '../../integration.ts';
import { watchRequests } from './client-hooks.ts';
import { learnSessions } from './prototypes.ts';
import { watchSessions } from './session-hooks.ts';
import { StreamHooks } from './stream-hooks.ts';

export const http2Integration: Integration = {
  name: 'http2',
  install(host, installation) {
    const { client, session } = learnSessions();
    const streamHooks = new StreamHooks(host, installation);
    const undos = [
      () => streamHooks.undo(),
      watchSessions(host, installation, session, streamHooks),
      watchRequests(host, installation, client, streamHooks),
    ];
    return () => undoAll(undos);
  },
};
