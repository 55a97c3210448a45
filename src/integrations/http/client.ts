/** Outgoing requests from their start to their end. */
import { SpanKind } from '@opentelemetry/api';
import { http, https } from '../../hook/built-ins.ts';
import type { Host } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { type Evidence, endedBy, type ProcessEnd } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { describeRequest, describeResult, errorStatusOf } from './client-description.ts';
import { whyDestroyed } from './client-evidence.ts';
import { ClientExchange } from './client-exchange.ts';
import { outlivesDestroy } from './connection.ts';
import { setLimitsOf } from './deadline.ts';
import { kClientExchange, kEarlyDestroy, type OutgoingRequest } from './internals.ts';
import { CLIENT_SCOPES } from './official.ts';
import { passOn } from './pass-on.ts';
import { clientPhaseOf } from './phase.ts';
import { requestHeaders } from './propagation.ts';
import { takeSignal } from './request-signal.ts';

/**
 * @param options what the agent was given, when it was one of Node's
 * @param above the hook, whose callers are those who made the request
 */
export function beginRequest(host: Host, request: OutgoingRequest, options: unknown, above: StackTop): void {
  if (request[kClientExchange] !== undefined) return;
  request[kClientExchange] = null;
  // Only in the constructor is the last signal that was listened to the request's own.
  const signal = options === undefined ? undefined : takeSignal(request);
  let official = host.officialSpan(SpanKind.CLIENT, CLIENT_SCOPES);
  if (official === undefined && isOfficialInCharge(request)) {
    official = host.unsampledSpan('client');
    if (official === undefined) return;
  }
  if (official === undefined) {
    if (host.isSuppressed()) return;
    if (host.isVendorInCharge()) {
      // Its span is started when the request is made, which is now.
      host.whenStarted(SpanKind.CLIENT, CLIENT_SCOPES, function started(span) {
        follow(host, request, host.adopt('client', 'http', span, request.method), signal, started);
      });
      return;
    }
  }
  const operation =
    official === undefined
      ? host.start(describeRequest(request, options))
      : host.adopt('client', 'http', official, request.method);
  follow(host, request, operation, signal, above);
}

/** @param above whose callers made the request */
function follow(
  host: Host,
  request: OutgoingRequest,
  operation: Operation,
  signal: AbortSignal | undefined,
  above: StackTop,
): void {
  const exchange = new ClientExchange(operation, request, signal);
  request[kClientExchange] = exchange;
  host.endsWithProcess(operation, exchange, cutRequest);
  // Otherwise the head is still to be made, see _implicitHeader().
  if (operation.ownsSpan && request._header !== null) host.inject(operation, request, requestHeaders);
  setLimitsOf(host, request, exchange, above);
  passOn(host, request, exchange);
  const early = request[kEarlyDestroy];
  if (early !== undefined) {
    cancelRequest(host, request, exchange, whyDestroyed(host, request, exchange, early.error, early.stack));
  }
}

export function cancelRequest(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  evidence: Evidence,
): void {
  const errorStatus = errorStatusOf(request.res);
  const seen = errorStatus === undefined ? evidence : { ...evidence, errorStatus };
  host.cancel(exchange.operation, seen, outlivesDestroy(request));
  settleRequest(host, request, exchange, undefined);
}

function cutRequest(host: Host, exchange: ClientExchange, end: ProcessEnd): void {
  const { request, operation } = exchange;
  host.cancel(operation, endedBy(end, clientPhaseOf(request, exchange)));
  settleRequest(host, request, exchange, undefined);
}

/** @param error what it failed with, when it failed */
export function settleRequest(
  host: Host,
  request: OutgoingRequest,
  exchange: ClientExchange,
  error: unknown,
): void {
  const { operation } = exchange;
  if (operation.isSettled) return;
  host.settle(operation, host.isEndTold(operation) ? describeResult(request, error) : undefined);
}

/**
 * The official instrumentation is there and made no span (ignored, no parent), or none that is sampled: then there is to be none.
 * A request that passed it by, made with `new ClientRequest()`, looks the same.
 */
function isOfficialInCharge(request: OutgoingRequest): boolean {
  const { request: entry } = request.protocol === 'https:' ? https : http;
  return entry.name === 'outgoingRequest' || entry.name === 'httpsOutgoingRequest';
}
