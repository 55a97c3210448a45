/** What an outgoing stream has of the incoming operation that it works for: its end. Its time is in the headers, see withContext(). */
import { addAbortSignal, type Readable } from 'node:stream';
import type { Host } from '../../host.ts';
import type { Exchange } from './exchange.ts';
import type { Stream } from './internals.ts';

export function passOn(host: Host, stream: Stream, exchange: Exchange): void {
  host.stopWithOwner(exchange.operation, (reason) => stop(stream, exchange, reason));
}

/** As an aborted signal of the application would: 'error', and a reset with CANCEL, which needs Node's own AbortError. */
function stop(stream: Stream, exchange: Exchange, reason: Error): void {
  if (stream.destroyed) return;
  const controller = new AbortController();
  exchange.signal = controller.signal;
  controller.abort(reason);
  addAbortSignal(controller.signal, stream as unknown as Readable);
}
