/**
 * node:http and node:https, client and server: who ended a request, why, and how far it was.
 *
 * Limitations. Beside the official instrumentation a request that passes it by (made with
 * `new ClientRequest()`, or by a named import that was bound before it was registered) has no span. A signal that was aborted
 * before it was given to a request, or was given to one that uses no agent of Node's, is known only by its reason. A
 * 'clientError' listener that was added during a request is seen from the next one on. Upgrades, CONNECT and 'checkContinue' listeners make no SERVER span; HTTP/2 and fetch() are not
 * seen here.
 */
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Integration } from '../../integration.ts';
import { watchClient } from './client-hooks.ts';
import { watchConnections } from './connection-hooks.ts';
import { watchNodeActivity } from './node-activity.ts';
import { watchSignals } from './request-signal.ts';
import { watchServer } from './server-hooks.ts';

export const httpIntegration: Integration = {
  name: 'http',
  install(host, installation) {
    const undos: Undo[] = [];
    try {
      undos.push(watchSignals(installation));
      undos.push(watchNodeActivity(installation));
      undos.push(watchConnections(host, installation));
      undos.push(watchClient(host, installation));
      undos.push(watchServer(host, installation));
    } catch (error) {
      // Half of it would record half of the truth.
      undoAll(undos);
      throw error;
    }
    return () => undoAll(undos);
  },
};
