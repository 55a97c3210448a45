/** What a call has of the incoming operation it works for, where the options say so: its time, and its end. */
import type { Host } from '../../host.ts';
import { toUnixMs } from '../../operation/clock.ts';
import type { Operation } from '../../operation/operation.ts';
import type { ResolvingCall } from './internals.ts';
import { CANCELLED } from './status.ts';

/**
 * @param given the deadline that the application said
 * @returns the earlier of that and what is left of the incoming operation's time
 */
export function passOnDeadline(host: Host, given: number | Date): number | Date {
  const atMs = host.limitToPassOn();
  if (atMs === undefined) return given;
  const at = toUnixMs(atMs);
  return Number(given) <= at ? given : at;
}

export function passOnEnd(host: Host, call: ResolvingCall, operation: Operation): void {
  host.stopWithOwner(operation, () =>
    call.cancelWithStatus(CANCELLED, 'the incoming operation was cancelled'),
  );
}
