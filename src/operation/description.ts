/** What an integration says of an operation: at its start, and at its end. */
import type { Attributes } from '@opentelemetry/api';
import type { Side, System } from './operation.ts';

/** What we put on a span of our own. */
export interface SpanDescription {
  readonly side: Side;
  readonly system: System;
  readonly name: string;
  /** Of the semantic conventions; known at the start. */
  readonly attributes: Attributes;
  /** Unix time in ms, when the operation began before it was seen. @default now */
  readonly startTime?: number;
}

/** How an operation ended that was or was not cancelled. */
export interface Settlement {
  /** Added to a span of our own only: the official instrumentation sets its own. `http.route` is one of metrics as well. */
  readonly attributes?: Attributes | undefined;
  /** A better name for a span of our own, known only now. */
  readonly name?: string | undefined;
  /** Sets the status of a span of our own to error, and counts as failed. Has no effect on a cancelled operation: see `status` in the options. */
  readonly isError?: boolean | undefined;
  /** Text of that status. */
  readonly message?: string | undefined;
  /** An official span that its owner may leave open for ever is ended a few turns later, with all of this, unless it has ended by then. */
  readonly endsOfficialSpan?: boolean;
  /** An attribute that would not be true: of a cancelled operation an official span does not get it, though its owner may set it. */
  readonly withheld?: string | undefined;
}
