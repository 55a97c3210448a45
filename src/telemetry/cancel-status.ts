/** The status of a cancelled operation's span: what the conventions say, unless the options say otherwise. */
import { SpanStatusCode } from '@opentelemetry/api';
import type { ResolvedConfig } from '../config.ts';
import type { Cancellation, Operation } from '../operation/operation.ts';

export function statusOf(
  status: ResolvedConfig['status'],
  operation: Operation,
  cancellation: Cancellation,
): SpanStatusCode {
  const isClient = operation.side === 'client';
  let wanted: 'error' | 'unset';
  if (cancellation.outcome === 'deadline_exceeded') wanted = status.deadline;
  else if (operation.system === 'grpc') wanted = isClient ? status.grpcClient : status.grpcServer;
  else wanted = isClient ? status.httpClient : status.httpServer;
  return wanted === 'error' ? SpanStatusCode.ERROR : SpanStatusCode.UNSET;
}
