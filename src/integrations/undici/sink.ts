/** The stream that the application gives undici.stream() to write to: who destroys it ends the request, a turn later. */
import type { Installation } from '../../hook/installation.ts';
import { after, before } from '../../hook/observe.ts';
import type { Host } from '../../integration.ts';
import type { CapturedStack } from '../../operation/captured-stack.ts';
import type { Call } from './call.ts';

/** Who destroyed it, and with which error, if any. */
export interface SinkEnd {
  readonly error: unknown;
  readonly stack: CapturedStack;
}

interface Sink {
  readonly destroyed?: unknown;
  readonly writableFinished?: unknown;
}

/** Node destroys a stream that fails by itself, in a write. */
const FAILS = / errorOrDestroy \(node:internal\/streams\//;

/** @param handler of undici.stream(), which has the function that makes the stream as `factory` */
export function watchSink(host: Host, installation: Installation, handler: object, call: Call): void {
  if (call.hasSink) return;
  call.hasSink = true;
  after(handler, 'factory', installation, (_handler, _args, sink) => {
    if (typeof (sink as { destroy?: unknown } | undefined)?.destroy !== 'function') return;
    const isOwn = Object.hasOwn(sink as object, 'destroy');
    before(sink as object, 'destroy', installation, (stream: Sink, [error]: unknown[], above) => {
      if (
        stream.destroyed ||
        stream.writableFinished ||
        call.sinkEnd !== undefined ||
        call.exchange?.operation.isSettled !== false
      )
        return;
      call.sinkEnd = { error, stack: host.captureStack(above) };
    });
    // Streams inherit it: it is not to be seen among what the application itself has put on this one.
    if (!isOwn) Object.defineProperty(sink as object, 'destroy', { enumerable: false });
  });
}

/** Undefined where the stream has nothing to do with the error. */
export function endedBySink(call: Call | undefined, error: unknown): SinkEnd | undefined {
  const end = call?.sinkEnd;
  if (end === undefined) return undefined;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const isOfIt = code === 'UND_ERR_ABORTED' || code === 'ERR_STREAM_PREMATURE_CLOSE' || error === end.error;
  return isOfIt ? end : undefined;
}

/** The stream was not destroyed by anybody, but could not write. */
export function hasFailed({ stack }: SinkEnd): boolean {
  return FAILS.test(stack.stack);
}
