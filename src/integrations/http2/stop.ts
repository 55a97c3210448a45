/** A stream that ends with the incoming operation it works for. */
import { addAbortSignal, type Readable } from 'node:stream';
import type { Exchange } from './exchange.ts';
import type { Stream } from './internals.ts';

/** As an aborted signal of the application would: 'error', and a reset with CANCEL, which needs Node's own AbortError. */
export function stopStream(stream: Stream, exchange: Exchange): void {
  if (stream.destroyed) return;
  const controller = new AbortController();
  exchange.signal = controller.signal;
  controller.abort(new DOMException('the incoming operation was cancelled', 'AbortError'));
  addAbortSignal(controller.signal, stream as unknown as Readable);
}
