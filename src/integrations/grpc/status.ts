/** gRPC status codes: their names, and what they say of a cancel. */
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

export function nameOf(code: number): string {
  return grpcStatusName(code) ?? String(code);
}
