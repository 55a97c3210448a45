/** What is kept for an outgoing request while it is in flight. */
import type { Operation } from '../../operation/operation.ts';
import type { IdleLimit } from './deadline.ts';
import type { OutgoingRequest, Transport } from './internals.ts';

export class ClientExchange {
  readonly operation: Operation;
  readonly request: OutgoingRequest;
  /** The signal that was given to the request, when it was not aborted yet. */
  readonly signal: AbortSignal | undefined;
  /** Assigned before `request.socket` is: that one comes a tick later. */
  socket: Transport | undefined = undefined;
  /** Of the `timeout` option, or of setTimeout(). */
  limit: IdleLimit | undefined = undefined;

  constructor(operation: Operation, request: OutgoingRequest, signal: AbortSignal | undefined) {
    this.operation = operation;
    this.request = request;
    this.signal = signal;
  }
}
