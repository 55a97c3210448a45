/** A client call begins: its operation, its time limit, its trace context. */
import { SpanKind } from '@opentelemetry/api';
import type { Installation } from '../../hook/installation.ts';
import { after, during } from '../../hook/observe.ts';
import type { Undo } from '../../hook/replace.ts';
import type { Host } from '../../integration.ts';
import type { StackTop } from '../../operation/captured-stack.ts';
import { endStarted } from './client-end.ts';
import { deadlineFrom } from './deadline.ts';
import { type Channel, kOperation, kParent, type ResolvingCall, type SurfaceCall } from './library.ts';
import { isOfficialOn, OFFICIAL_SCOPES, unsampledSpan } from './official.ts';
import { metadataSetter } from './propagation.ts';
import { describeClientCall, methodOf } from './span.ts';
import { CANCELLED } from './status.ts';

type CreateCall = [
  method: string,
  deadline: number | Date,
  host: unknown,
  parent: SurfaceCall | null | undefined,
  flags: unknown,
];

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
    (channel: Channel, args: CreateCall, above) => {
      const given = args[1];
      const leave = (call: unknown): void => {
        if (call !== undefined) begin(host, channel, call as ResolvingCall, args, given, above);
      };
      args[1] = passOnDeadline(host, given);
      return leave;
    },
  );
}

/** The earlier of what the application said and what is left of its incoming operation's time. */
function passOnDeadline(host: Host, given: number | Date): number | Date {
  const atMs = host.limitToPassOn();
  if (atMs === undefined) return given;
  const at = Date.now() + atMs - performance.now();
  return Number(given) <= at ? given : at;
}

/** @param given the deadline that the application said */
function begin(
  host: Host,
  channel: Channel,
  call: ResolvingCall,
  args: CreateCall,
  given: number | Date,
  above: StackTop,
): void {
  if (host.isSuppressed()) return;
  const official = host.officialSpan(SpanKind.CLIENT, OFFICIAL_SCOPES) ?? unsampledSpan(host, 'client');
  if (official === undefined && isOfficialOn()) return;
  const operation =
    official === undefined
      ? host.start(describeClientCall(channel, args[0]))
      : host.adopt('client', 'grpc', official, methodOf(args[0]));
  call[kOperation] = operation;
  if (args[3]) call[kParent] = args[3];
  host.stopWithOwner(operation, () =>
    call.cancelWithStatus(CANCELLED, 'the incoming operation was cancelled'),
  );
  if (call.deadline === Number.POSITIVE_INFINITY) return;
  // Both may be a Date; the parent's limit has won when what grpc-js keeps is not what it was given.
  const source = Number(call.deadline) === Number(given) ? 'option' : 'inherited';
  const deadline = deadlineFrom(call.deadline, source, host.captureDeadlineStack(above));
  if (deadline === undefined) return;
  host.setDeadline(operation, deadline);
  if (deadline.timeoutMs <= 0) {
    host.addFinding(
      operation,
      'deadline_already_past',
      `started ${-deadline.timeoutMs} ms after its deadline`,
    );
  }
}

/** start() clones the application's metadata: what is added to the clone is sent, and nobody else sees it. */
export function watchStart(moduleExports: unknown, host: Host, installation: Installation): Undo {
  const { ResolvingCall } = moduleExports as { ResolvingCall: { prototype: object } };
  return after(ResolvingCall.prototype, 'start', installation, (call: ResolvingCall) => {
    const operation = call[kOperation];
    if (operation === undefined || operation.isSettled) return;
    if (call.ended) endStarted(host, call, operation);
    else if (operation.ownsSpan && call.metadata !== null) {
      host.inject(operation, call.metadata, metadataSetter);
    }
  });
}
