/**
 * Messages that the application is given after it has cancelled: those that were in the buffer of the stream, for
 * which a loop comes back before it hears of the cancel.
 */
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import { type Undo, undoAll } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import { type ClientStream, callOf, kOperation, type StreamClass } from './library.ts';

export function watchLateMessages(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const classes = moduleExports as Record<string, StreamClass>;
  const undos = [
    watchEmit(classes.ClientReadableStreamImpl, host, installation),
    watchEmit(classes.ClientDuplexStreamImpl, host, installation),
  ];
  return () => undoAll(undos);
}

/** Node emits 'data' for whatever is read, by whatever means; and on a stream that nobody has destroyed, 'end' after the last. */
function watchEmit(streamClass: StreamClass | undefined, host: Host, installation: Installation): Undo {
  if (streamClass === undefined) throw new TypeError('a stream class of grpc-js is missing');
  return before(streamClass.prototype, 'emit', installation, (stream: ClientStream, [event]: unknown[]) => {
    if (event !== 'data' && event !== 'end' && event !== 'close') return;
    const operation = callOf(stream)?.[kOperation];
    if (operation?.cancellation === undefined) return;
    if (event === 'data') host.lateMessage(operation);
    else host.lateEnd(operation);
  });
}
