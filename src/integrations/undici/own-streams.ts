/**
 * The streams that the application has of undici.stream() and pipeline(): who destroys one ends the request, a turn later or
 * without saying why.
 */
import type { SignalStory } from '../../cancellation/abort-origins.ts';
import type { Installation } from '../../hook/installation.ts';
import { after, before } from '../../hook/observe.ts';
import type { Host } from '../../host.ts';
import type { CapturedStack } from '../../operation/captured-stack.ts';
import type { Call } from './call.ts';
import { dataOf, isObject } from './given.ts';

/** Who destroyed it, and with which error, if any. */
export interface StreamEnd {
  readonly error: unknown;
  readonly stack: CapturedStack;
  /** When a listener of a signal did. */
  readonly story: SignalStory | undefined;
}

interface Stream {
  readonly destroyed?: unknown;
  readonly readableEnded?: unknown;
  readonly writableFinished?: unknown;
  readonly destroy?: unknown;
}

/** Node destroys a stream that fails by itself, in a write. */
const FAILS = / errorOrDestroy \(node:internal\/streams\//;

/**
 * @param handler of stream(), which has the function that makes the sink as `factory`; of pipeline(), which has the duplex as `ret`
 *   and the function that is given the body, and returns a stream, as `handler`
 */
export function watchOwnStreams(host: Host, installation: Installation, handler: object, call: Call): void {
  const isPipeline = Object.hasOwn(handler, 'ret');
  const name = isPipeline ? 'handler' : 'factory';
  if (!isPipeline && !Object.hasOwn(handler, name)) return;
  if (call.hasOwnStreams || typeof dataOf(handler, name) !== 'function') return;
  call.hasOwnStreams = true;
  const over = isPipeline ? 'readableEnded' : 'writableFinished';
  const watch = (stream: unknown): void => watchStream(host, installation, stream, over, call);
  if (isPipeline) watch(dataOf(handler, 'ret'));
  after(handler, name, installation, (_handler, [answer]: unknown[], returned) => {
    const body = isPipeline && isObject(answer) ? dataOf(answer, 'body') : undefined;
    if (body !== undefined) watch(body);
    if (returned !== body) watch(returned);
    if (!isPipeline && isObject(returned)) call.sink = returned;
  });
}

/** @param over what says that there is nothing left to end */
function watchStream(
  host: Host,
  installation: Installation,
  stream: unknown,
  over: 'readableEnded' | 'writableFinished',
  call: Call,
): void {
  if (!isObject(stream) || typeof (stream as Stream).destroy !== 'function') return;
  const isOwn = Object.hasOwn(stream, 'destroy');
  before(stream, 'destroy', installation, (self: Stream, [error]: unknown[], above) => {
    if (
      self.destroyed ||
      self[over] ||
      call.streamEnd !== undefined ||
      call.exchange?.operation.isSettled !== false
    )
      return;
    call.streamEnd = { error, stack: host.captureStack(above), story: host.abortOrigins.inProgress() };
  });
  // Streams inherit it: it is not to be seen among what the application itself has put on this one.
  if (!isOwn) Object.defineProperty(stream, 'destroy', { enumerable: false });
}

/** Undefined where the streams have nothing to do with the error. */
export function endedByStream(call: Call | undefined, error: unknown): StreamEnd | undefined {
  const end = call?.streamEnd;
  if (end === undefined) return undefined;
  const { code } = (error ?? {}) as { readonly code?: unknown };
  const isOfIt = code === 'UND_ERR_ABORTED' || code === 'ERR_STREAM_PREMATURE_CLOSE' || error === end.error;
  return isOfIt ? end : undefined;
}

/** stream() gave up since what it writes to was closed, by nobody here: such as a response whose client has left. undici 8 says so in the error. */
export function hasLostSink(call: Call | undefined, error: unknown): boolean {
  const sink = call?.sink as Stream | undefined;
  if (
    sink === undefined ||
    (error as { readonly code?: unknown } | null)?.code !== 'ERR_STREAM_PREMATURE_CLOSE'
  )
    return false;
  return sink.destroyed === true && sink.writableFinished !== true;
}

/** The stream was not destroyed by anybody, but could not read or write. */
export function hasFailed({ stack }: StreamEnd): boolean {
  return FAILS.test(stack.stack);
}
