/** The status of a cancelled operation's span: what the conventions say, unless the options say otherwise. */
import { SpanStatusCode } from '@opentelemetry/api';
import type { ResolvedConfig } from '../config.ts';
import type { Cancellation, Operation } from '../operation/operation.ts';
import { rowOf } from './systems.ts';

export function statusOf(
  status: ResolvedConfig['status'],
  operation: Operation,
  cancellation: Cancellation,
): SpanStatusCode {
  // The answer was a failure first.
  if (cancellation.errorStatus !== undefined) return SpanStatusCode.ERROR;
  const { system, side } = operation;
  const option = cancellation.outcome === 'deadline_exceeded' ? 'deadline' : rowOf(system).status[side];
  const code = option === 'error' || option === 'unset' ? option : status[option];
  return code === 'error' ? SpanStatusCode.ERROR : SpanStatusCode.UNSET;
}
