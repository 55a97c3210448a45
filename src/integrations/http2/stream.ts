/** Streams of either side, from what ends them to the end of their operation. */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import type { Host } from '../../host.ts';
import { endedBy, type ProcessEnd } from '../../operation/evidence.ts';
import type { Operation } from '../../operation/operation.ts';
import { describeEnd, errorStatusOf, statusOf } from './description.ts';
import type { Ending } from './evidence.ts';
import type { Exchange } from './exchange.ts';
import { kExchange, type Stream } from './internals.ts';
import { clientPhaseOf, serverPhaseOf } from './phase.ts';

/** A cancel is recorded, and its span ended, at once. */
export function decide(
  host: Host,
  installation: Installation,
  stream: Stream,
  exchange: Exchange,
  ending: Ending,
): void {
  exchange.isDecided = true;
  if (ending === undefined) return;
  if (ending.kind === 'failure') {
    exchange.failure = ending;
    return;
  }
  const seen = { ...ending, errorStatus: errorStatusOf(stream, exchange) };
  host.cancel(exchange.operation, seen, exchange.connection.isAliveForClient);
  settleStream(host, stream, exchange);
  if (!exchange.connection.isClient) watchLateAnswers(host, installation, stream, exchange.operation);
}

/** @param stream undefined when Node refused to make one */
export function settleStream(host: Host, stream: Stream | undefined, exchange: Exchange): void {
  const { operation, connection, failure } = exchange;
  if (operation.isSettled) return;
  if (!connection.isClient && failure === undefined) noteAnswer(host, stream, exchange);
  host.settle(operation, describeEnd(stream, exchange));
}

/** A handler that answers with a status which says that the operation was cancelled. */
function noteAnswer(host: Host, stream: Stream | undefined, exchange: Exchange): void {
  const status = statusOf(stream, exchange);
  const outcome = status === undefined ? undefined : host.outcomeOfStatus('server', status);
  if (outcome === undefined) return;
  const errorStatus = errorStatusOf(stream, exchange);
  host.cancel(exchange.operation, {
    kind: 'own-status',
    outcome,
    phase: 'handle',
    reason: undefined,
    stack: undefined,
    errorStatus,
  });
}

/**
 * Sees what a handler of the core API does with a stream that was cancelled. Put on when it was, so nobody pays
 * for it before.
 */
function watchLateAnswers(
  host: Host,
  installation: Installation,
  stream: Stream,
  operation: Operation,
): void {
  // A response of the compatibility API: it is watched itself.
  if (operation.answer !== undefined) return;
  // Not at once: Node is about to end the stream by itself.
  const watch = installation.guard(() => {
    // Node refuses respond() now, by an exception, and ignores the others.
    for (const name of ['respond', 'write', 'end'] as const) {
      before(stream, name, installation, () => host.lateWrite(operation, name === 'end'));
    }
  });
  process.nextTick(watch);
}

export function cutStream(host: Host, stream: Stream, end: ProcessEnd): void {
  const exchange = stream[kExchange];
  if (exchange === undefined) return;
  const phase = exchange.connection.isClient ? clientPhaseOf(stream, exchange) : serverPhaseOf(stream);
  host.cancel(exchange.operation, endedBy(end, phase));
  settleStream(host, stream, exchange);
}
