/** Incoming requests from their start to their end. */
import type { Server } from 'node:http';
import { SpanKind } from '@opentelemetry/api';
import type { Host } from '../../integration.ts';
import type { Evidence, ServerPhase } from '../../operation/evidence.ts';
import { kPipelined, kServerExchange, type Message, type Response } from './internals.ts';
import { incomingHeaders } from './propagation.ts';
import { ServerExchange } from './server-exchange.ts';
import { describeAnswer, describeIncoming } from './server-span.ts';

const OFFICIAL_SCOPE = '@opentelemetry/instrumentation-http';

/** Called in a listener of 'request': after the official instrumentation, when there is one. */
export function beginIncoming(
  host: Host,
  server: Server,
  request: Message,
  response: Response,
): ServerExchange | null {
  const official = host.officialSpan(SpanKind.SERVER, OFFICIAL_SCOPE);
  // The official instrumentation is there and made no span: ignored, or not sampled. Then there is to be none.
  if (official === undefined && (server.emit.name === 'incomingRequest' || host.isSuppressed())) {
    response[kServerExchange] = null;
    return null;
  }
  const operation =
    official === undefined
      ? host.start(describeIncoming(request), host.extract(request.headers, incomingHeaders))
      : host.adopt('server', 'http', official);
  const exchange = new ServerExchange(operation, response, request.socket);
  operation.answer = response;
  host.readDeadline(operation, request.headers);
  request[kServerExchange] = exchange;
  response[kServerExchange] = exchange;
  // Not its turn yet. Node 20 tells such a response nothing when the connection goes away.
  if (response.socket === null && request.socket !== null) {
    const waiting = request.socket[kPipelined]?.filter((earlier) => !earlier.operation.isSettled);
    request.socket[kPipelined] = [...(waiting ?? []), exchange];
  }
  return exchange;
}

export function cancelIncoming(
  host: Host,
  response: Response,
  exchange: ServerExchange,
  evidence: Evidence,
): void {
  host.cancel(exchange.operation, evidence);
  settleIncoming(host, response, exchange, undefined);
}

/** @param error what the handler threw or the connection failed with, if so */
export function settleIncoming(
  host: Host,
  response: Response,
  exchange: ServerExchange,
  error: unknown,
): void {
  const { operation } = exchange;
  if (operation.isSettled) return;
  host.settle(operation, operation.ownsSpan ? describeAnswer(response, error) : undefined);
}

/** How far the request is: still being read, being worked on, or being answered. */
export function phaseOfIncoming(response: Response): ServerPhase {
  if (response._headerSent) return 'write';
  const { complete, headers } = response.req;
  // Inside of the first listener Node has not noticed yet that there is no body.
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
  return complete || !hasBody ? 'handle' : 'read';
}
