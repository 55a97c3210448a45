/** Where both sides of HTTP meet: sockets that are destroyed, and messages that are. */
import net from 'node:net';
import { http } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { clientSocketDestroyed, responseDestroyed } from './client-events.ts';
import { waitingInLine } from './connection.ts';
import {
  kClientExchange,
  kServerExchange,
  type Message,
  type OutgoingRequest,
  type Response,
  type Transport,
} from './internals.ts';
import { incomingDestroyed, serverSocketDestroyed } from './server-events.ts';

export function watchConnections(host: Host, installation: Installation): Undo {
  const undos = [
    // Not destroy(): this one is called once, and with the error.
    before(net.Socket.prototype, '_destroy', installation, (socket: Transport, [error]: unknown[], above) => {
      if (socket._httpMessage) socketDestroyed(host, socket, error, above);
    }),
    before(
      http.IncomingMessage.prototype,
      '_destroy',
      installation,
      (message: Message, [error]: unknown[], above) => messageDestroyed(host, message, error, above),
    ),
  ];
  return () => undoAll(undos);
}

function socketDestroyed(host: Host, socket: Transport, error: unknown, above: StackTop): void {
  const message = socket._httpMessage as OutgoingRequest & Response;
  const served = message[kServerExchange];
  if (served && !served.operation.isSettled) {
    serverSocketDestroyed(host, message, served, socket, error, above);
    for (const waiting of waitingInLine(socket)) {
      serverSocketDestroyed(host, waiting.response, waiting, socket, error, above);
    }
    return;
  }
  const sent = message[kClientExchange];
  if (sent && !sent.operation.isSettled) clientSocketDestroyed(host, message, sent, socket, error, above);
}

function messageDestroyed(host: Host, message: Message, error: unknown, above: StackTop): void {
  const served = message[kServerExchange];
  if (served !== undefined) {
    if (served && !served.operation.isSettled) incomingDestroyed(host, message, served, error, above);
    return;
  }
  const { req: request } = message;
  const sent = request?.[kClientExchange];
  if (request && sent && !sent.operation.isSettled)
    responseDestroyed(host, request, sent, message, error, above);
}
