/** What is sent in each header that carries a limit: right values, and wrong ones. */
import { DEADLINE_HEADERS, formatDeadlineHeader } from '../cancellation/deadline-headers.ts';

const GRPC_TIMEOUT = 'grpc-timeout';
const ABSOLUTE = 'x-request-deadline';

/** Headers of HTTP that carry a limit, in lower case. */
export const LIMIT_HEADERS: readonly string[] = DEADLINE_HEADERS;

/** @param timeoutMs at least 1 */
export function limitValue(header: string, timeoutMs: number): string {
  if (header === GRPC_TIMEOUT) return formatDeadlineHeader('grpc-timeout', timeoutMs, 0);
  // The others are whole milliseconds.
  const name = header === ABSOLUTE ? 'X-Request-Deadline' : 'Timeout-Ms';
  return formatDeadlineHeader(name, timeoutMs, Date.now());
}

/** Units of grpc-timeout. Those of more than a second cannot be waited for. */
export const GRPC_UNITS = ['n', 'u', 'm', 'S', 'M', 'H'] as const;
export type GrpcUnit = (typeof GRPC_UNITS)[number];

const UNIT_MS: Readonly<Record<GrpcUnit, number>> = {
  n: 1e-6,
  u: 1e-3,
  m: 1,
  S: 1_000,
  M: 60_000,
  H: 3_600_000,
};
const MAX_DIGITS = 99_999_999;

/** About so much, as this unit can say it. @returns the value, and how much it is */
export function grpcLimit(
  unit: GrpcUnit,
  timeoutMs: number,
): { readonly value: string; readonly ms: number } {
  const count = Math.min(Math.max(1, Math.round(timeoutMs / UNIT_MS[unit])), MAX_DIGITS);
  return { value: `${count}${unit}`, ms: count * UNIT_MS[unit] };
}

export const WRONG_KINDS = ['malformed', 'negative', 'too many digits', 'very large', 'empty'] as const;
export type WrongKind = (typeof WRONG_KINDS)[number];

/**
 * `very large` is within the grammar, and more than a timer of 32 bits counts.
 *
 * @param timeoutMs of the negative one without its sign: short enough that it is seen when somebody overlooks that
 */
export function wrongValue(header: string, kind: WrongKind, timeoutMs: number): string {
  const isGrpc = header === GRPC_TIMEOUT;
  switch (kind) {
    case 'malformed':
      return 'soon';
    case 'negative':
      return isGrpc ? `-${timeoutMs}m` : `-${timeoutMs}`;
    case 'too many digits':
      return isGrpc ? '999999999m' : '99999999999999999999';
    case 'very large':
      if (isGrpc) return '99999999H';
      return header === ABSOLUTE ? '9999999999999999' : '9999999999';
    case 'empty':
      return '';
  }
}
