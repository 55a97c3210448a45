/**
 * Deadlines of requests for the usual servers: the handler runs where currentDeadline(), remainingMs() and
 * currentSignal() know of the limit that the request brought, and whether its client is still there.
 */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { continueWithin, createJudge, type RequestDeadlineOptions, refuse } from './request-limit.ts';

/** For Express, and for anything else that takes `(request, response, next)`. @throws for bad options */
export function expressDeadline(
  options?: RequestDeadlineOptions,
): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void {
  const judge = createJudge(options);
  return (request, response, next) => {
    const judgement = judge(request);
    if ('refusal' in judgement) refuse(response, judgement.refusal);
    else continueWithin(judgement.timeoutMs, response, () => next());
  };
}

/** For plain `node:http`: wraps a handler. @throws for bad options */
export function httpDeadline(handler: RequestListener, options?: RequestDeadlineOptions): RequestListener {
  const judge = createJudge(options);
  return function (this: unknown, request, response) {
    const judgement = judge(request);
    if ('refusal' in judgement) refuse(response, judgement.refusal);
    else
      continueWithin(judgement.timeoutMs, response, () => Reflect.apply(handler, this, [request, response]));
  };
}

interface KoaContext {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  status: number;
  body: unknown;
}

/** For Koa. @throws for bad options */
export function koaDeadline(
  options?: RequestDeadlineOptions,
): (context: KoaContext, next: () => Promise<unknown>) => Promise<unknown> {
  const judge = createJudge(options);
  return async (context, next) => {
    const judgement = judge(context.req);
    if ('timeoutMs' in judgement) return await continueWithin(judgement.timeoutMs, context.res, next);
    context.status = 400;
    context.body = judgement.refusal;
    return undefined;
  };
}

interface FastifyReply {
  readonly raw: ServerResponse;
  code(status: number): FastifyReply;
  send(body: unknown): unknown;
}

interface FastifyInstance {
  addHook(
    name: 'onRequest',
    hook: (request: { readonly raw: IncomingMessage }, reply: FastifyReply, done: () => void) => void,
  ): unknown;
}

/** For Fastify: `app.register(fastifyDeadline, options)`. @throws for bad options */
export function fastifyDeadline(
  instance: FastifyInstance,
  options: RequestDeadlineOptions,
  done: () => void,
): void {
  const judge = createJudge(options);
  instance.addHook('onRequest', (request, reply, next) => {
    const judgement = judge(request.raw);
    if ('refusal' in judgement) reply.code(400).send(judgement.refusal);
    else continueWithin(judgement.timeoutMs, reply.raw, next);
  });
  done();
}
// Fastify's mark of a plugin whose hooks are for the whole instance (what fastify-plugin does).
Object.assign(fastifyDeadline, { [Symbol.for('skip-override')]: true });
