/** What an outgoing request of HTTP tells of the time that is left for the incoming operation it works for. */
import type { Context } from '@opentelemetry/api';
import { formatDeadlineHeader, type OutgoingDeadlineHeader } from '../cancellation/deadline-headers.ts';
import type { ResolvedPropagateConfig } from '../config.ts';
import type { DeadlineHeader, ReadHeader } from '../host.ts';
import type { OperationRecord } from './operation-record.ts';
import { inheritedDeadlineAtMs } from './owner.ts';

export interface PassedOn extends DeadlineHeader {
  /** On the clock of performance.now(), in ms. */
  readonly atMs: number;
  /** Time left, in ms; may be negative. */
  readonly timeoutMs: number;
}

/** @returns on the clock of performance.now(), in ms; undefined when what is started here has no limit */
export function limitToPassOn(
  context: Context,
  owner: OperationRecord | undefined,
  { marginMs }: ResolvedPropagateConfig,
): number | undefined {
  if (owner === undefined) return undefined;
  const atMs = inheritedDeadlineAtMs(context, owner);
  return atMs === Number.POSITIVE_INFINITY ? undefined : atMs - marginMs;
}

/** @returns undefined when there is nothing to tell, or the request tells it by itself */
export function deadlineToTell<Request>(
  propagate: ResolvedPropagateConfig,
  { owner, context, deadline }: OperationRecord,
  request: Request,
  read: ReadHeader<Request>,
): PassedOn | undefined {
  if (owner === undefined || (!propagate.grpcDeadline && propagate.httpDeadline === undefined))
    return undefined;
  const name = headerFor(propagate, read(request, 'content-type'));
  if (name === undefined || read(request, name.toLowerCase()) !== undefined) return undefined;
  const limitAtMs = limitToPassOn(context, owner, propagate);
  if (limitAtMs === undefined) return undefined;
  const atMs = Math.min(limitAtMs, deadline?.atMs ?? Number.POSITIVE_INFINITY);
  const timeoutMs = atMs - performance.now();
  return { name, value: formatDeadlineHeader(name, timeoutMs, Date.now()), atMs, timeoutMs };
}

/** gRPC has a header of its own, whoever speaks it: clients that are not grpc-js ride on HTTP. */
function headerFor(
  { httpDeadline, grpcDeadline }: ResolvedPropagateConfig,
  contentType: unknown,
): OutgoingDeadlineHeader | undefined {
  const isGrpc = typeof contentType === 'string' && contentType.startsWith('application/grpc');
  if (!isGrpc) return httpDeadline;
  return grpcDeadline ? 'grpc-timeout' : undefined;
}
