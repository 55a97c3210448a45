/**
 * The servers of Node: which of them take connections, and which are told to stop. That is how a process drains; what
 * it does of it is for whoever counts its operations.
 *
 * Limitations. Of a server that listened before this was installed only its close() is seen. An http.Server that is handed
 * its connections by somebody else (`emit('connection', socket)`) never listens, and is none here. A worker of a cluster
 * that is disconnected closes the handles of its servers without a call of close().
 */
import net from 'node:net';
import { http, https } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Integration } from '../../integration.ts';

/** Those of HTTP/2, whose classes are not exported, are known by what they alone have. */
type Server = net.Server & { updateSettings?(): void };

export const serversIntegration: Integration = {
  name: 'servers',
  isPassive: true,
  install(host, installation) {
    const { prototype } = net.Server;
    const undos = [
      before(prototype, 'listen', installation, (server: Server) => {
        if (servesOperations(server)) host.serverListens(server);
      }),
      // All come by: the close() of HTTP calls it, the servers of HTTP/2 and gRPC inherit it.
      before(prototype, 'close', installation, (server: Server, _args, above) => {
        if (server.listening && servesOperations(server)) host.serverCloses(server, host.captureStack(above));
      }),
      watchCut(http.Server.prototype, host, installation),
      watchCut(https.Server.prototype, host, installation),
    ];
    return () => undoAll(undos);
  },
};

/** Before its close(), as some call it: what is cut here is cut by the same end. */
function watchCut(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'closeAllConnections', installation, (server: Server, _args, above) => {
    if (server.listening) host.serverCuts(host.captureStack(above));
  });
}

function servesOperations(server: Server): boolean {
  return (
    server instanceof http.Server ||
    server instanceof https.Server ||
    typeof server.updateSettings === 'function'
  );
}
