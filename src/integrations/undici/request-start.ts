/** A request comes to be: on the official instrumentation's span, or on one of ours. */
import { type Context, context } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../integration.ts';
import type { Operation } from '../../operation/operation.ts';
import { CALL_KEY, type Call, leaveQueue, toUnixMs } from './call.ts';
import { abortCall, release, setDeadline } from './call-end.ts';
import { currentDispatcher, dispatchedCall } from './dispatcher.ts';
import { Exchange, kExchange, type UndiciRequest } from './exchange.ts';
import { findGlobalDispatchers } from './global-dispatchers.ts';
import { setHeadersLimit } from './limits.ts';
import { adopt, adoptAround, isListening, spanMadeBy } from './official.ts';
import { passOn } from './pass-on.ts';
import { requestHeaders } from './propagation.ts';
import { watchSignal } from './signals.ts';
import { describeTarget } from './span.ts';

/** @param message of the channel. @param publish tells everybody else of the request */
export function requestCreated(
  host: Host,
  installation: Installation,
  message: unknown,
  channel: object,
  publish: () => void,
): void {
  const { request } = message as { readonly request: UndiciRequest };
  host.noticeVendors();
  // Not seen in dispatch(): a dispatcher that is not watched yet, or never will be.
  if (dispatchedCall() === undefined) findGlobalDispatchers();
  const active = context.active();
  const call = takeCall(active.getValue(CALL_KEY) as Call | undefined);
  if (call === undefined) {
    const exchange = isWanted(host, request) && begin(host, request, channel, publish, active, undefined);
    if (exchange) passOn(host, exchange);
    return;
  }
  const waitedSinceMs = call.queue === undefined ? undefined : call.startedAtMs;
  leaveQueue(call);
  const { parent } = call;
  if (call.isReported) {
    // It leaves the queue only to be dropped: it was recorded when it was cancelled.
    context.with(host.suppress(parent), publish);
    return;
  }
  // What leaves a queue does so in the context of whatever made room for it.
  const isInPlace = waitedSinceMs === undefined;
  const exchange =
    (isInPlace ? isWanted(host, request) : context.with(parent, isWanted, undefined, host, request)) &&
    begin(host, request, channel, publish, parent, call, waitedSinceMs);
  if (exchange) follow(host, installation, call, exchange, waitedSinceMs ?? exchange.operation.startedAtMs);
  else release(call);
}

function isWanted(host: Host, { method }: UndiciRequest): boolean {
  return method !== 'CONNECT' && !host.isSuppressed();
}

function begin(
  host: Host,
  request: UndiciRequest,
  channel: object,
  publish: () => void,
  parent: Context,
  call: Call | undefined,
  waitedSinceMs?: number,
): Exchange | undefined {
  const operation = hasOthers(channel)
    ? beside(host, request, channel, publish, parent, waitedSinceMs)
    : besideNone(host, request, parent, waitedSinceMs);
  if (operation === undefined) return undefined;
  const exchange = new Exchange(request, operation, call, currentDispatcher());
  request[kExchange] = exchange;
  setHeadersLimit(host, exchange);
  return exchange;
}

/** Of several that could have made this request, the one that is at it: dispatch() calls back at once. */
function takeCall(fetched: Call | undefined): Call | undefined {
  const call = dispatchedCall() ?? fetched;
  if (!call?.expectsRequest) return undefined;
  call.expectsRequest = false;
  call.target = undefined;
  return call;
}

function follow(
  host: Host,
  installation: Installation,
  call: Call,
  exchange: Exchange,
  startedAtMs: number,
): void {
  call.exchange = exchange;
  const { signal } = call;
  if (signal !== undefined) setDeadline(host, exchange.operation, signal, startedAtMs);
  passOn(host, exchange);
  if (signal === undefined) return;
  // Not sent, and never to be.
  if (signal.aborted) abortCall(host, call, signal, 'queued');
  else watchSignal(installation, signal, call, (aborted, by) => abortCall(host, aborted, by));
}

/** True unless our own is the only subscriber. Without the list, which is Node's own, there may be others. */
function hasOthers(channel: object): boolean {
  const subscribers: unknown = '_subscribers' in channel ? channel._subscribers : undefined;
  return !Array.isArray(subscribers) || subscribers.length > 1;
}

function beside(
  host: Host,
  request: UndiciRequest,
  channel: object,
  publish: () => void,
  parent: Context,
  waitedSinceMs: number | undefined,
): Operation | undefined {
  const span = spanMadeBy(publish, parent);
  if (span !== undefined) return adopt(host, span, parent, request.method);
  return isListening(channel) ? undefined : besideNone(host, request, parent, waitedSinceMs);
}

/** Nobody makes spans of requests; but somebody may do so of fetch(). */
function besideNone(
  host: Host,
  request: UndiciRequest,
  parent: Context,
  waitedSinceMs: number | undefined,
): Operation | undefined {
  const isInPlace = waitedSinceMs === undefined;
  const around = adoptAround(host, isInPlace ? context.active() : parent, request.method);
  if (around !== undefined) return around;
  return host.isVendorInCharge() ? undefined : startOwn(host, request, parent, waitedSinceMs);
}

function startOwn(
  host: Host,
  request: UndiciRequest,
  parent: Context,
  waitedSinceMs: number | undefined,
): Operation {
  const { path, method } = request;
  const description = describeTarget({ origin: String(request.origin), path, method });
  const operation =
    waitedSinceMs === undefined
      ? host.start(description, parent)
      : host.start({ ...description, startTime: toUnixMs(waitedSinceMs) }, parent);
  host.inject(operation, request, requestHeaders);
  return operation;
}
