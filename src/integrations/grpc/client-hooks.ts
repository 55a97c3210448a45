/** Where client calls are seen: made, started, ended; and the streams that the application has of them. */
import type { Installation } from '../../hook/installation.ts';
import { after, before, during } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import { beginCall, callCancelled, callDestroyed, callStarted, callTold } from './client.ts';
import {
  type CallArgs,
  type Channel,
  type ClientStream,
  callOf,
  kOperation,
  prototypeOf,
  type ResolvingCall,
  type StatusObject,
  type StreamClass,
} from './internals.ts';
import { passOnDeadline } from './pass-on.ts';

/**
 * Where every client's calls come through, whatever it was generated or wrapped by. Client.prototype is
 * not enough: generated clients keep the functions that were there when grpc-js was loaded.
 */
export function watchChannel(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { ChannelImplementation } = moduleExports as { ChannelImplementation: { prototype: Channel } };
  return during(
    ChannelImplementation.prototype,
    'createCall',
    installation,
    (channel: Channel, args: CallArgs, above) => {
      const given = args[1];
      const leave = (call: unknown): void => {
        if (call !== undefined) beginCall(host, channel, call as ResolvingCall, args, given, above);
      };
      args[1] = passOnDeadline(host, given);
      return leave;
    },
  );
}

export function watchCalls(moduleExports: unknown, host: Host, installation: Installation): Undo {
  type CancelArgs = [code: number, details: string];
  const { prototype } = (moduleExports as { ResolvingCall: { prototype: object } }).ResolvingCall;
  const undos = [
    after(prototype, 'start', installation, (call: ResolvingCall) => {
      const operation = call[kOperation];
      if (operation !== undefined && !operation.isSettled) callStarted(host, call, operation);
    }),
    // Every end that is decided on this side: cancel(), interceptors, the deadline, `parent`.
    before(prototype, 'cancelWithStatus', installation, (call: ResolvingCall, args: CancelArgs, above) => {
      const operation = call[kOperation];
      // A cancel() after the end is common: nice-grpc calls it for every stream.
      if (operation === undefined || call.ended || operation.isSettled) return;
      callCancelled(host, call, operation, args[0], args[1], above);
    }),
    // The first status is the call's; grpc-js ignores any other.
    before(prototype, 'outputStatus', installation, (call: ResolvingCall, args: [StatusObject]) => {
      const operation = call[kOperation];
      if (operation === undefined || call.ended || operation.isSettled) return;
      callTold(host, call, operation, args[0]);
    }),
  ];
  return () => undoAll(undos);
}

export function watchStreams(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const classes = moduleExports as Record<string, StreamClass>;
  const reading = prototypeOf(classes.ClientReadableStreamImpl);
  const duplex = prototypeOf(classes.ClientDuplexStreamImpl);
  const undos = [
    watchDestroy(reading, false, host, installation),
    watchDestroy(prototypeOf(classes.ClientWritableStreamImpl), true, host, installation),
    watchDestroy(duplex, false, host, installation),
    watchMessages(reading, host, installation),
    watchMessages(duplex, host, installation),
  ];
  return () => undoAll(undos);
}

/** By hand, by pipeline() or by leaving a for-await loop. */
function watchDestroy(prototype: object, isWriteOnly: boolean, host: Host, installation: Installation): Undo {
  return before(prototype, 'destroy', installation, (stream: ClientStream, [error]: unknown[], above) => {
    // A writable destroys itself when all is written, while the answer is still to come.
    if (stream.destroyed || (isWriteOnly && stream.writableFinished)) return;
    callDestroyed(host, installation, stream, error, above);
  });
}

/**
 * Messages that the application is given after it has cancelled: those that were in the buffer of the stream, for
 * which a loop comes back before it hears of the cancel. Node emits 'data' for whatever is read, by whatever means;
 * and on a stream that nobody has destroyed, 'end' after the last.
 */
function watchMessages(prototype: object, host: Host, installation: Installation): Undo {
  return before(prototype, 'emit', installation, (stream: ClientStream, [event]: unknown[]) => {
    if (event !== 'data' && event !== 'end' && event !== 'close') return;
    const operation = callOf(stream)?.[kOperation];
    if (operation?.cancellation === undefined) return;
    if (event === 'data') host.lateMessage(operation);
    else host.lateEnd(operation);
  });
}
