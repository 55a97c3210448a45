/** Where both sides of HTTP meet: sockets that are destroyed, and messages that are. */
import net from 'node:net';
import { http } from '../../hook/built-ins.ts';
import type { Installation } from '../../hook/installation.ts';
import { before, during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { clientSocketDestroyed, responseDestroyed } from './client-events.ts';
import { servedBy, servedNowBy } from './connection.ts';
import { setIdleLimit } from './deadline.ts';
import {
  kClientExchange,
  kPipelined,
  kServerExchange,
  type Message,
  type OutgoingRequest,
  type Transport,
} from './internals.ts';
import { incomingDestroyed, limitPasses, serverSocketDestroyed, serverSocketEnded } from './server-events.ts';

export function watchConnections(host: Host, installation: Installation): Undo {
  const socketPrototype = net.Socket.prototype;
  const messagePrototype = http.IncomingMessage.prototype;
  const undos = [
    // Not destroy(): this one is called once, and with the error.
    before(socketPrototype, '_destroy', installation, (socket: Transport, [error]: unknown[], above) => {
      if (socket._httpMessage || socket[kPipelined]) socketDestroyed(host, socket, error, above);
    }),
    before(socketPrototype, 'end', installation, (socket: Transport, [data]: unknown[], above) => {
      const isAnswer = data !== undefined && data !== null && typeof data !== 'function';
      for (const served of servedBy(socket)) serverSocketEnded(host, served, socket, isAnswer, above);
    }),
    during(socketPrototype, '_onTimeout', installation, (socket: Transport) => {
      const served = servedNowBy(socket);
      return served && limitPasses(host, served, socket);
    }),
    before(messagePrototype, '_destroy', installation, (message: Message, [error]: unknown[], above) =>
      messageDestroyed(host, message, error, above),
    ),
    before(messagePrototype, 'setTimeout', installation, (message: Message, [timeout]: unknown[], above) => {
      const exchange = message[kServerExchange] ?? message.req?.[kClientExchange];
      if (exchange) setIdleLimit(host, exchange, timeout, above);
    }),
  ];
  return () => undoAll(undos);
}

function socketDestroyed(host: Host, socket: Transport, error: unknown, above: StackTop): void {
  const request = socket._httpMessage as OutgoingRequest | null | undefined;
  const sent = request?.[kClientExchange];
  if (request && sent && !sent.operation.isSettled) {
    clientSocketDestroyed(host, request, sent, socket, error, above);
    return;
  }
  for (const served of servedBy(socket)) serverSocketDestroyed(host, served, socket, error, above);
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
