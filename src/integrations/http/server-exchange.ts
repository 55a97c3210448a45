/** What is kept for an incoming request while it is in flight. */
import type { Operation } from '../../operation/operation.ts';
import type { IdleLimit } from './deadline.ts';
import type { FastifyRequest } from './fastify.ts';
import type { Response, Transport } from './internals.ts';
import type { RpcMetadata } from './route.ts';

export class ServerExchange {
  readonly operation: Operation;
  readonly response: Response;
  /** The response loses its own when it is finished. */
  readonly socket: Transport | null;
  /** Undefined beside the official instrumentation, which has its own. */
  readonly metadata: RpcMetadata | undefined;
  /** When it is one of Fastify's, and has reached its handler. */
  fastify: FastifyRequest | undefined = undefined;
  /** Of setTimeout() of the request or the response. */
  limit: IdleLimit | undefined = undefined;

  constructor(
    operation: Operation,
    response: Response,
    socket: Transport | null,
    metadata: RpcMetadata | undefined,
  ) {
    this.operation = operation;
    this.response = response;
    this.socket = socket;
    this.metadata = metadata;
  }
}
