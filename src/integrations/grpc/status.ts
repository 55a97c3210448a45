/** gRPC status codes: their names, and what they say of a cancel. */
import { describeReason } from '../../cancellation/reason.ts';
import { grpcStatusName } from '../../conventions/grpc-status.ts';
import type { Outcome } from '../../operation/evidence.ts';

export const OK = 0;
export const CANCELLED = 1;
export const DEADLINE_EXCEEDED = 4;
export const INTERNAL = 13;

/** What a status says of a cancel, if anything. */
export function outcomeOf(code: unknown): Outcome | undefined {
  if (code === CANCELLED) return 'canceled';
  return code === DEADLINE_EXCEEDED ? 'deadline_exceeded' : undefined;
}

/** @param code a number, or whatever a handler or an interceptor has said */
export function nameOf(code: unknown): string {
  return grpcStatusName(code) ?? describeReason(code) ?? '_OTHER';
}
