/** How far a client call is. Read only when it is cancelled: nothing is counted on the way. */
import type { ClientPhase } from '../../operation/evidence.ts';
import { attemptOf, type ResolvingCall } from './library.ts';

/** Of grpc-js's ConnectivityState. */
const CONNECTING = 1;

export function clientPhase(call: ResolvingCall): ClientPhase {
  const { filterStack, channel } = call;
  // Set with the call's configuration, which comes with the resolved name.
  if (filterStack === null) return 'dns';
  const attempt = attemptOf(call);
  const stream = attempt?.child;
  if (stream == null) return channel.connectivityState === CONNECTING ? 'connect' : 'queued';
  if (stream.http2Stream.readableDidRead) return 'receive';
  // Between two attempts: the next one waits for its turn.
  if (attempt?.ended === true) return 'queued';
  return stream.http2Stream.writableLength > 0 ? 'send' : 'wait';
}
