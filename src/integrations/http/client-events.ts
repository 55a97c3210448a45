/** What the hooks see of an outgoing request, and what it means for its operation. */
import type { IncomingMessage } from 'node:http';
import { isOfNode } from '../../cancellation/origin.ts';
import { codeOf, isSystemError } from '../../cancellation/reason.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { cancelRequest, settleRequest } from './client.ts';
import { errorStatusOf } from './client-description.ts';
import { whyDestroyed } from './client-evidence.ts';
import type { ClientExchange } from './client-exchange.ts';
import {
  kClientExchange,
  kEarlyDestroy,
  type Message,
  type OutgoingRequest,
  type Transport,
} from './internals.ts';
import { isShuttingDown, isTimingOut } from './node-activity.ts';
import { clientPhaseOf } from './phase.ts';

/** request.destroy(), for the first time. @param above the hook */
export function requestDestroyed(
  host: Host,
  request: OutgoingRequest,
  error: unknown,
  above: StackTop,
): void {
  const exchange = request[kClientExchange];
  if (exchange === undefined) {
    request[kEarlyDestroy] = { error, stack: host.captureStack(above) };
    return;
  }
  if (exchange === null || exchange.operation.isSettled) return;
  if (request.res && isReceived(request, request.res)) return;
  cancelRequest(host, request, exchange, whyDestroyed(host, request, exchange, error, above));
}

/** The response is over: destroyed by the application, cut off by the peer, or read to its end. @param above the hook */
export function responseDestroyed(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  response: Message,
  error: unknown,
  above: StackTop,
): void {
  if (isReceived(request, response)) {
    settleRequest(host, request, exchange, undefined);
  } else if (response.socket && !response.socket.destroyed) {
    cancelRequest(host, request, exchange, whyDestroyed(host, request, exchange, error, above));
  }
}

/**
 * The connection goes away under a request that nobody destroyed. A broken connection and a server that
 * closes are failures; what is left is code of this process that destroys the socket or its agent, and
 * Node itself, which does so when the response makes no sense.
 */
export function clientSocketDestroyed(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  socket: Transport,
  error: unknown,
  above: StackTop,
): void {
  if (request.destroyed || socket._readableState?.ended) return;
  if (request.res && isReceived(request, request.res)) return;
  if (isSystemError(error)) return;
  const stack = host.captureStack(above);
  if (isTimingOut(socket) || isShuttingDown() || !isOfNode(stack)) {
    cancelRequest(host, request, exchange, whyDestroyed(host, request, exchange, error, stack));
  }
}

/** An event of the request, before anybody hears of it. */
export function requestEmits(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  event: unknown,
  value: unknown,
): void {
  switch (event) {
    case 'response':
      responded(host, request, exchange, value as IncomingMessage);
      break;
    case 'upgrade':
    case 'connect':
      settleRequest(host, request, exchange, undefined);
      break;
    case 'error':
      failed(host, request, exchange, value);
      break;
    case 'close':
      settleRequest(
        host,
        request,
        exchange,
        request.res && !isReceived(request, request.res) ? cutOff() : undefined,
      );
      break;
  }
}

function responded(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  response: IncomingMessage,
): void {
  // Node remembers the address from now on; it cannot be asked for when the connection is gone.
  if (exchange.operation.ownsSpan) void request.socket?.remoteAddress;
  const outcome = host.outcomeOfStatus('client', response.statusCode ?? 0);
  if (outcome === undefined) return;
  const phase = request.writableFinished ? 'wait' : 'send';
  const evidence = {
    kind: 'peer-status',
    outcome,
    phase,
    reason: response.statusMessage,
    errorStatus: errorStatusOf(response),
  } as const;
  host.cancel(exchange.operation, evidence, request.shouldKeepAlive);
}

/** True when there is nothing left to receive, though Node may not have noticed yet. */
function isReceived({ method }: OutgoingRequest, response: Message | IncomingMessage): boolean {
  const { complete, statusCode, headers } = response;
  return (
    complete ||
    method === 'HEAD' ||
    statusCode === 204 ||
    statusCode === 304 ||
    headers['content-length'] === '0'
  );
}

function failed(host: Host, request: OutgoingRequest, exchange: ClientExchange, error: unknown): void {
  // The kernel's own limit for a connect.
  if (codeOf(error) === 'ETIMEDOUT') {
    const { deadline } = exchange.operation;
    const phase = clientPhaseOf(request, exchange);
    const evidence = {
      kind: 'local-timeout',
      trigger: 'timeout',
      phase,
      reason: error,
      stack: deadline?.stack,
    } as const;
    host.cancel(exchange.operation, evidence);
  }
  settleRequest(host, request, exchange, error);
}

/** Node tells only the response that its body was cut off. */
function cutOff(): Error {
  return Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
}
