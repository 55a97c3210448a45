/**
 * grpc-timeout as it was sent, against what grpc-js makes of it: it reads the first thing that looks like a
 * limit, wherever in the value, lets large ones overflow, and hands the header to nobody.
 */
import {
  describeMalformed,
  type MalformedLimit,
  malformedGrpcTimeout,
} from '../../cancellation/deadline-headers.ts';
import type { Installation } from '../../hook/installation.ts';
import { before } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../host.ts';
import type { Operation } from '../../operation/operation.ts';
import { deadlineFrom } from './deadline.ts';
import { describeAnswer, describeIncoming } from './description.ts';
import { type BaseServerCall, GONE, keepSession, type ServerStream, type StatusObject } from './internals.ts';
import { metadataGetter } from './propagation.ts';
import { INTERNAL } from './status.ts';

/** On a stream whose grpc-timeout is not what it should be. */
const kMalformed: unique symbol = Symbol('opentelemetry.cancellation.grpc.malformed');

type Stream = ServerStream & { [kMalformed]?: MalformedLimit };

/** A header that overflows grpc-js's arithmetic becomes a limit days ago; a real one was never that late. */
const MAX_LATENESS_MS = 60_000;

/** From 1.10 on, the only function that gets both the stream and the headers. */
export function watchTimeouts(moduleExports: unknown, _host: Host, installation: Installation): Undo {
  return before(moduleExports as object, 'getServerInterceptingCall', installation, (_self, args) => {
    const stream = args[1] as Stream;
    // By the time that its handler is called it may have been destroyed.
    keepSession(stream);
    noteHeader(stream, args[2] as Readonly<Record<string, unknown>>);
  });
}

function noteHeader(stream: Stream, headers: Readonly<Record<string, unknown>>): void {
  const value = headers['grpc-timeout'];
  if (value === undefined) return;
  const malformed = malformedGrpcTimeout(String(value));
  if (malformed !== undefined) stream[kMalformed] = malformed;
}

/** The limit that a call whose handler is about to run has, in grpc-js's eyes. */
export function noteTimeout(host: Host, call: BaseServerCall, operation: Operation): void {
  const malformed = (call.stream as Stream)[kMalformed];
  if (malformed === undefined && call.deadline === Number.POSITIVE_INFINITY) return;
  const deadline = deadlineFrom(call.deadline, 'grpc-timeout', undefined);
  const isOverflow = deadline !== undefined && deadline.timeoutMs < -MAX_LATENESS_MS;
  if (malformed !== undefined || isOverflow) {
    const takenFor =
      deadline === undefined
        ? 'refuses the call'
        : isOverflow
          ? 'takes it for a time long past'
          : `takes it for ${Math.round(deadline.timeoutMs)} ms`;
    const seen = malformed === undefined ? 'grpc-timeout is too large' : describeMalformed(malformed);
    host.addFinding(operation, 'timeout_malformed', `${seen}; grpc-js ${takenFor}`);
  }
  if (deadline !== undefined && !isOverflow) host.setDeadline(operation, deadline);
}

/** grpc-js answers by itself, and calls no handler: nobody else would ever make a span for the call. */
export function noteRefusal(host: Host, call: BaseServerCall, status: StatusObject): void {
  const malformed = (call.stream as Stream)[kMalformed];
  if (malformed === undefined || call.deadline !== Number.POSITIVE_INFINITY) return;
  if (status.code !== INTERNAL || call.handler === undefined || host.isSuppressed()) return;
  const operation = host.start(
    describeIncoming(call.stream.session ?? GONE, call.handler.path),
    host.extract(call.metadata, metadataGetter),
  );
  host.addFinding(
    operation,
    'timeout_malformed',
    `${describeMalformed(malformed)}; grpc-js refuses the call`,
  );
  host.settle(operation, describeAnswer(status.code, status.details));
}
