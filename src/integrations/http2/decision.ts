/** From what ends a stream to its operation: a cancel is recorded, and its span ended, at once. */
import type { Installation } from '../../hook/installation.ts';
import type { Host } from '../../integration.ts';
import type { Ending } from './ending.ts';
import type { Exchange } from './exchange.ts';
import type { Stream } from './internals.ts';
import { watchLateAnswers } from './late-answers.ts';
import { settleStream } from './settlement.ts';

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
  host.cancel(exchange.operation, ending, exchange.connection.isAliveForClient);
  settleStream(host, stream, exchange);
  if (!exchange.connection.isClient) watchLateAnswers(host, installation, stream, exchange.operation);
}
