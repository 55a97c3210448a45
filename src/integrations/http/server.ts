/** Incoming requests from their start to their end. */
import type { Server } from 'node:http';
import { type Span, SpanKind } from '@opentelemetry/api';
import { ATTR_HTTP_RESPONSE_STATUS_CODE } from '@opentelemetry/semantic-conventions';
import type { Host } from '../../host.ts';
import type { Settlement } from '../../operation/description.ts';
import { type Evidence, endedBy, type ProcessEnd } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { waitInLine } from './connection.ts';
import { kServerExchange, type Message, type Response } from './internals.ts';
import { isNextServer } from './next.ts';
import { NEXT_SCOPES, SERVER_SCOPES } from './official.ts';
import { serverPhaseOf } from './phase.ts';
import { incomingHeaders } from './propagation.ts';
import { createMetadata, metadataIn, RPC_METADATA_KEY, routeOf } from './route.ts';
import { describeAnswer, describeIncoming, errorStatusOf } from './server-description.ts';
import type { Failure } from './server-evidence.ts';
import { ServerExchange } from './server-exchange.ts';

/** Called in a listener of 'request': after the official instrumentation, when there is one. */
export function beginIncoming(
  host: Host,
  server: Server,
  request: Message,
  response: Response,
): ServerExchange | null {
  const isOfficialThere = server.emit.name === 'incomingRequest';
  const official =
    host.officialSpan(SpanKind.SERVER, SERVER_SCOPES) ??
    (isOfficialThere ? host.unsampledSpan('server') : undefined);
  // The official instrumentation is there and made no span: it was told to ignore the request. Then there is to be none.
  if (
    official === undefined &&
    (isOfficialThere || isNextServer(server) || host.isVendorInCharge() || host.isSuppressed())
  ) {
    response[kServerExchange] = null;
    return null;
  }
  const exchange =
    official === undefined
      ? startIncoming(host, request, response)
      : adoptIncoming(host, official, request, response);
  follow(host, exchange, request, response);
  return exchange;
}

/**
 * On a server of Next.js: it has made the span of a request, or of what comes next for a request of which the span before is over (its
 * middleware and the page have one each).
 */
export function adoptLate(host: Host, request: Message, response: Response): Operation | undefined {
  const official = host.officialSpan(SpanKind.SERVER, NEXT_SCOPES) ?? host.unsampledSpan('server');
  if (official === undefined) return undefined;
  const known = response[kServerExchange];
  if (known) {
    if (known.operation.isSettled || known.operation.span.isRecording()) return undefined;
    host.adoptNext(known.operation, official);
    return known.operation;
  }
  const exchange = adoptIncoming(host, official, request, response);
  follow(host, exchange, request, response);
  return exchange.operation;
}

function follow(host: Host, exchange: ServerExchange, request: Message, response: Response): void {
  const { operation } = exchange;
  operation.answer = response;
  host.readDeadline(operation, request.headers);
  host.endsWithProcess(operation, exchange, cutIncoming);
  request[kServerExchange] = exchange;
  response[kServerExchange] = exchange;
  if (response.socket === null && request.socket !== null) waitInLine(request.socket, exchange);
}

function adoptIncoming(host: Host, official: Span, request: Message, response: Response): ServerExchange {
  const operation = host.adopt('server', 'http', official, request.method);
  return new ServerExchange(operation, response, request.socket, undefined);
}

function startIncoming(host: Host, request: Message, response: Response): ServerExchange {
  const metadata = createMetadata();
  const parent = host.extract(request.headers, incomingHeaders);
  const entry = { key: RPC_METADATA_KEY, value: metadata };
  const operation = host.start(describeIncoming(request), parent, entry);
  metadata.span = operation.span;
  return new ServerExchange(operation, response, request.socket, metadata);
}

/** The operation is over before its response is. */
export function endIncoming(host: Host, exchange: ServerExchange, ending: Evidence | Failure): void {
  const { operation, response } = exchange;
  const isFailure = ending.kind === 'failure';
  if (!isFailure) {
    const errorStatus = errorStatusOf(response);
    host.cancel(operation, errorStatus === undefined ? ending : { ...ending, errorStatus });
  }
  settleIncoming(host, response, exchange, isFailure ? ending.error : undefined);
}

function cutIncoming(host: Host, exchange: ServerExchange, end: ProcessEnd): void {
  endIncoming(host, exchange, endedBy(end, serverPhaseOf(exchange.response)));
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
  const isCancelled = operation.cancellation !== undefined;
  if (!isCancelled && !host.isEndTold(operation)) {
    host.settle(operation);
    return;
  }
  const metadata = exchange.metadata ?? metadataIn(operation.context);
  const settlement = describeAnswer(response, routeOf(response.req, metadata), error);
  host.settle(operation, isCancelled ? ofCancelled(settlement, response) : settlement);
}

/** The official instrumentation tells of a status that was never sent, and may be too late to tell anything. */
function ofCancelled(
  { attributes, name, isError, message }: Settlement,
  { _headerSent }: Response,
): Settlement {
  const withheld = _headerSent ? undefined : ATTR_HTTP_RESPONSE_STATUS_CODE;
  return { attributes, name, isError, message, endsOfficialSpan: true, withheld };
}
