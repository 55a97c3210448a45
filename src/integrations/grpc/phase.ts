/** How far a call is. Read only when it is cancelled: nothing is counted on the way. */
import type { ClientPhase, ServerPhase } from '../../operation/evidence.ts';
import { attemptOf, type BaseServerCall, type ResolvingCall, type StreamCall } from './internals.ts';

/** Of grpc-js's ConnectivityState. */
const CONNECTING = 1;

export function clientPhase(call: ResolvingCall): ClientPhase {
  const { metadata, filterStack, channel } = call;
  // In the hands of an interceptor.
  if (metadata === null) return 'queued';
  // Set with the call's configuration, which comes with the resolved name.
  if (filterStack === null) return 'dns';
  const attempt = attemptOf(call);
  const stream = attempt?.child;
  if (stream == null) return channel.connectivityState === CONNECTING ? 'connect' : 'queued';
  // Between two attempts: the next one waits for its turn.
  return attempt?.ended === true ? 'queued' : streamPhase(stream);
}

/** How far the stream of a call is, or was when it ended. */
export function streamPhase({ http2Stream }: StreamCall): ClientPhase {
  if (http2Stream.readableDidRead) return 'receive';
  return http2Stream.writableLength > 0 ? 'send' : 'wait';
}

export function serverPhase(call: BaseServerCall): ServerPhase {
  return call.metadataSent ? 'write' : 'handle';
}
