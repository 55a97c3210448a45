/** What the channels tell of a request, before anybody else hears of it. */
import type { Socket } from 'node:net';
import {
  ATTR_NETWORK_PEER_ADDRESS,
  ATTR_NETWORK_PEER_PORT,
  ATTR_NETWORK_PROTOCOL_VERSION,
} from '@opentelemetry/semantic-conventions';
import type { StackTop } from '../../operation/captured-stack.ts';
import type { Evidence } from '../../operation/evidence.ts';
import { FOLLOWED } from './call.ts';
import { cancel, settle } from './client.ts';
import { outlivesError } from './connection.ts';
import { isLeftBehind, whyFailed } from './evidence.ts';
import type { Exchange } from './exchange.ts';
import { phaseOf } from './phase.ts';
import type { Watch } from './watch.ts';

export function headSent(exchange: Exchange, socket: Socket & { readonly alpnProtocol?: unknown }): void {
  exchange.isHeadSent = true;
  if (socket.alpnProtocol !== 'h2') exchange.socket = socket;
  const { operation } = exchange;
  if (!operation.ownsSpan || operation.isSettled) return;
  const { span } = operation;
  const { remoteAddress, remotePort } = socket;
  if (remoteAddress !== undefined) {
    span.setAttribute(ATTR_NETWORK_PEER_ADDRESS, remoteAddress);
    if (remotePort !== undefined) span.setAttribute(ATTR_NETWORK_PEER_PORT, remotePort);
  }
  span.setAttribute(ATTR_NETWORK_PROTOCOL_VERSION, socket.alpnProtocol === 'h2' ? '2' : '1.1');
}

export function bodySent(exchange: Exchange): void {
  exchange.bodySentAtMs = performance.now();
}

export interface Response {
  readonly statusCode: number;
  readonly statusText: unknown;
  /** Of HTTP/1.1: names and values in turn. */
  readonly headers: unknown;
}

export function responded(
  watch: Watch,
  exchange: Exchange,
  { statusCode, statusText, headers }: Response,
): void {
  if (statusCode < 200 && statusCode !== 101) return;
  const { host } = watch;
  const { operation, call } = exchange;
  const outcome = host.outcomeOfStatus('client', statusCode);
  if (outcome !== undefined) {
    const reason = statusText === '' ? undefined : statusText;
    const evidence: Evidence = { kind: 'peer-status', outcome, phase: phaseOf(watch, exchange), reason };
    const errorStatus = statusCode < 400 ? undefined : statusCode;
    const isConnectionAlive = exchange.session !== undefined || !saysClose(headers);
    host.cancel(operation, { ...evidence, errorStatus }, isConnectionAlive);
  }
  exchange.statusCode = statusCode;
  if (call !== undefined && FOLLOWED.has(statusCode)) {
    call.expectsRequest = call.followsRedirects || statusCode === 421;
  }
}

/** The server closes an HTTP/1.1 connection after such an answer. */
function saysClose(headers: unknown): boolean {
  if (!Array.isArray(headers)) return false;
  return headers.some(
    (name, index) =>
      index % 2 === 0 && /^connection$/i.test(String(name)) && /\bclose\b/i.test(String(headers[index + 1])),
  );
}

export function completed(watch: Watch, exchange: Exchange): void {
  if (!exchange.operation.isSettled) settle(watch, exchange, undefined);
}

/** @param above the hook */
export function failed(watch: Watch, exchange: Exchange, error: unknown, above: StackTop): void {
  const { operation } = exchange;
  if (operation.isSettled) return;
  if (operation.cancellation === undefined) {
    if (isLeftBehind(watch, exchange, error, above)) {
      settle(watch, exchange, undefined);
      return;
    }
    const evidence = whyFailed(watch, exchange, error, above);
    if (evidence !== undefined) cancel(watch, exchange, evidence, outlivesError(watch, exchange, error));
  }
  // There is always an error, though its value may be undefined: abort() takes any reason.
  settle(watch, exchange, error ?? null);
}
