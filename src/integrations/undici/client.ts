/** A request from its start to its end, on the official instrumentation's span or on one of ours. */

import { type Context, context } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';
import { errorTypeOf, reasonOf } from '../../cancellation/reason.ts';
import { after } from '../../hook/observe.ts';
import type { Host, StartWaiting } from '../../host.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { toUnixMs } from '../../operation/clock.ts';
import { type ClientPhase, type Evidence, endedBy, type ProcessEnd } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { CALL_KEY, type Call, canFollow, leaveQueue, letGo, takeUp } from './call.ts';
import { connectPhase, outlivesError } from './connection.ts';
import { setLimitsOf } from './deadline.ts';
import { describeResult, describeTarget, errorTypeOfCancelled } from './description.ts';
import { Exchange } from './exchange.ts';
import { codeToSend } from './http2-streams.ts';
import { kExchange, type UndiciRequest } from './internals.ts';
import { nameErrorType, operationBeside } from './official.ts';
import { passOn } from './pass-on.ts';
import { isBodiless, phaseOf } from './phase.ts';
import { requestHeaders } from './propagation.ts';
import { rememberAsking } from './retry.ts';
import { unwatchSignal, watchSignal } from './signals.ts';
import type { Watch } from './watch.ts';

/** @param channel that tells of it. @param publish tells everybody else of the request */
export function requestCreated(
  watch: Watch,
  { request }: { readonly request: UndiciRequest },
  channel: object,
  publish: () => void,
): void {
  const { host } = watch;
  host.noticeVendors();
  const active = context.active();
  const call = takeCall(watch, active.getValue(CALL_KEY) as Call | undefined);
  if (call === undefined) {
    const exchange = isWanted(host, request) && begin(watch, request, channel, publish, active, undefined);
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
  call.isElsewhere ||= waitedSinceMs !== undefined;
  const exchange =
    (call.isElsewhere ? context.with(parent, isWanted, undefined, host, request) : isWanted(host, request)) &&
    begin(watch, request, channel, publish, parent, call, waitedSinceMs);
  if (exchange) follow(watch, call, exchange);
  else release(watch, call);
}

function isWanted(host: Host, { method }: UndiciRequest): boolean {
  return method !== 'CONNECT' && !host.isSuppressed();
}

function begin(
  watch: Watch,
  request: UndiciRequest,
  channel: object,
  publish: () => void,
  parent: Context,
  call: Call | undefined,
  waitedSinceMs?: number,
): Exchange | undefined {
  const { host, dispatching } = watch;
  const isElsewhere = call?.isElsewhere === true;
  const above = waitedSinceMs === undefined ? watch.called : undefined;
  const beside = operationBeside(host, channel, publish, parent, isElsewhere, request.method, above);
  if (beside === undefined) return undefined;
  const operation = beside ?? startOwn(host, request, parent, waitedSinceMs, above);
  const exchange = new Exchange(request, operation, call, dispatching);
  request[kExchange] = exchange;
  watch.cut ??= (_host, cut, end) => cutExchange(watch, cut, end);
  host.endsWithProcess(operation, exchange, watch.cut);
  setLimitsOf(host, exchange, waitedSinceMs ?? operation.startedAtMs, above);
  if (request.upgrade && typeof request.onUpgrade === 'function') watchUpgrade(watch, exchange);
  return exchange;
}

/** Such a request is over when the connection is the application's. */
function watchUpgrade(watch: Watch, exchange: Exchange): void {
  after(exchange.request, 'onUpgrade', watch.installation, (_request, [statusCode]: unknown[]) => {
    if (exchange.operation.isSettled) return;
    exchange.statusCode = Number(statusCode);
    watch.host.settle(exchange.operation, { ...describeResult(exchange, undefined), endsOfficialSpan: true });
    if (exchange.call?.exchange === exchange) release(watch, exchange.call);
  });
}

/** Of several that could have made this request, the one that is at it: dispatch() calls back at once. */
function takeCall({ dispatching }: Watch, fetched: Call | undefined): Call | undefined {
  const call = dispatching?.call ?? fetched;
  if (call === undefined || !canFollow(call)) return undefined;
  takeUp(call);
  return call;
}

function follow(watch: Watch, call: Call, exchange: Exchange): void {
  const { host } = watch;
  call.exchange = exchange;
  const { signal } = call;
  passOn(host, exchange);
  if (signal === undefined) return;
  // Not sent, and never to be.
  if (signal.aborted) abortCall(watch, call, signal, 'queued');
  else watchSignal(watch, signal, call);
}

function startOwn(
  host: Host,
  request: UndiciRequest,
  parent: Context,
  waitedSinceMs: number | undefined,
  above: StackTop | undefined,
): Operation {
  const { path, method } = request;
  const description = describeTarget({ origin: String(request.origin), path, method });
  const operation =
    waitedSinceMs === undefined
      ? host.start(description, parent, undefined, above)
      : host.start({ ...description, startTime: toUnixMs(waitedSinceMs) }, parent);
  host.inject(operation, request, requestHeaders);
  return operation;
}

/** @param phase how far it was, when it does not tell itself */
export function abortCall(watch: Watch, call: Call, signal: AbortSignal, phase?: ClientPhase): void {
  const { host } = watch;
  const { exchange } = call;
  const reason = reasonOf(signal);
  const story = host.abortOrigins.explain(signal, reason);
  if (exchange !== undefined && !exchange.operation.isSettled) {
    const rstCode = codeToSend(exchange, reason);
    const evidence: Evidence = {
      kind: 'signal',
      phase: phase ?? phaseOf(watch, exchange),
      rstCode,
      ...story,
    };
    cancel(watch, exchange, evidence, outlivesError(watch, exchange, reason));
    settle(watch, exchange, reason);
  } else if (call.target !== undefined && call.expectsRequest) {
    reportCall(watch, call, reason, (connecting) => {
      return { kind: 'signal', phase: phase ?? connecting ?? 'queued', ...story };
    });
  }
}

/** Nothing where the response is received already: undici says so a moment later. */
export function cancel(
  watch: Watch,
  exchange: Exchange,
  evidence: Evidence,
  isConnectionAlive?: boolean,
): void {
  if (isBodiless(exchange)) return;
  const seen = exchange.statusCode < 400 ? evidence : { ...evidence, errorStatus: exchange.statusCode };
  watch.host.cancel(exchange.operation, seen, isConnectionAlive);
}

function cutExchange(watch: Watch, exchange: Exchange, end: ProcessEnd): void {
  cancel(watch, exchange, endedBy(end, phaseOf(watch, exchange)));
  settle(watch, exchange, undefined);
}

/** @param reason what it failed with or was cancelled by, if anything */
export function settle(watch: Watch, exchange: Exchange, reason: unknown): void {
  const { host } = watch;
  const error = isBodiless(exchange) ? undefined : reason;
  const { operation, call } = exchange;
  const { cancellation } = operation;
  if (!operation.ownsSpan && cancellation !== undefined && cancellation.initiator !== 'peer') {
    const errorType = errorTypeOfCancelled(cancellation, error);
    if (errorType !== undefined) nameErrorType(operation.span, errorType);
  }
  host.settle(operation, host.isEndTold(operation) ? describeResult(exchange, error) : undefined);
  if (call !== undefined && (reason !== undefined || exchange.statusCode >= 300)) {
    rememberAsking(watch, exchange.handler, call.parent);
  }
  if (call?.exchange === exchange) release(watch, call);
}

/** Nothing of the call is in flight any more. */
function release(watch: Watch, call: Call): void {
  if (call.signal !== undefined) unwatchSignal(watch, call.signal, call);
  call.exchange = undefined;
  letGo(call);
}

/**
 * A call that ends before there is a request: nobody else will ever make a span for it.
 * @param why is given the phase of a connection that the call may wait for
 */
export function reportCall(
  watch: Watch,
  call: Call,
  reason: unknown,
  why: (connecting: ClientPhase | undefined) => Evidence,
): void {
  const { host } = watch;
  const target = call.target?.();
  const operation = startUnsent(host, call, (description, parent) => host.start(description, parent));
  if (target === undefined || operation === undefined) return;
  host.cancel(operation, why(connectPhase(watch, target.origin)));
  const isLate = operation.cancellation?.outcome === 'deadline_exceeded';
  host.settle(operation, { attributes: isLate ? { [ATTR_ERROR_TYPE]: errorTypeOf(reason) } : undefined });
}

/** The operation of a call for which there will be no request. Undefined where there is to be none. */
export function startUnsent(host: Host, call: Call, start: StartWaiting): Operation | undefined {
  const target = call.target?.();
  call.isReported = true;
  call.target = undefined;
  leaveQueue(call);
  if (target === undefined || host.isSuppressed()) return undefined;
  const startTime = toUnixMs(call.startedAtMs);
  const operation = start({ ...describeTarget(target), startTime }, call.parent);
  const deadline = call.signal && host.abortOrigins.deadlineOf(call.signal, call.startedAtMs);
  if (deadline !== undefined) host.setDeadline(operation, deadline);
  return operation;
}
