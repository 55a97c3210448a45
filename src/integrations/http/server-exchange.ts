/** What is kept for an incoming request while it is in flight. */
import type { Operation } from '../../operation/operation.ts';
import type { Response, Transport } from './internals.ts';

export class ServerExchange {
  readonly operation: Operation;
  readonly response: Response;
  /** The response loses its own when it is finished. */
  readonly socket: Transport | null;

  constructor(operation: Operation, response: Response, socket: Transport | null) {
    this.operation = operation;
    this.response = response;
    this.socket = socket;
  }
}
