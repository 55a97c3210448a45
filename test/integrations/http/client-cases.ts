/** The client gives up: by whom, by what, and how far the request was. */
import { once } from 'node:events';
import type * as Http from 'node:http';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { closed, event, type Handler, type HttpLab, responseTo } from './lab.ts';

const leftWhileHandled: Expectation = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'disconnect',
  phase: 'handle',
  origin: null,
  status: 'unset',
};
const leftWhileWritten: Expectation = { ...leftWhileHandled, phase: 'write' };

function canceled(trigger: string, phase: string, more: Partial<Expectation> = {}): Expectation {
  return { ...byUs(phase, more), outcome: 'context.canceled', trigger, status: 'unset' };
}

function exceeded(trigger: string, phase: string, more: Partial<Expectation> = {}): Expectation {
  return { ...byUs(phase, more), outcome: 'deadline_exceeded', trigger, status: 'error' };
}

/** The connection, if there is one, goes with the request. */
function byUs(phase: string, more: Partial<Expectation>): Omit<Expectation, 'outcome'> {
  const hasConnection = ['send', 'wait', 'receive'].includes(phase);
  const attributes = {
    'network.connection.reused_after': hasConnection ? false : undefined,
    ...more.attributes,
  };
  return { initiator: 'local', phase, ...more, attributes };
}

export function clientCases(lab: HttpLab): ContractCase[] {
  return [
    ...waiting(lab),
    ...inTheBody(lab),
    ...beforeItIsSent(lab),
    ...limits(lab),
    ...discards(lab),
    ...answers(lab),
  ];
}

/** Stages a request whose handler never answers; `giveUp` is called when the handler has it. */
async function hang(
  lab: HttpLab,
  options: Http.RequestOptions,
  giveUp: (request: Http.ClientRequest) => unknown,
): Promise<void> {
  const handled = event();
  const { at } = await lab.serve(() => handled.resolve());
  const request = lab.http.get({ ...at, ...options });
  const end = closed(request);
  await handled.promise;
  giveUp(request);
  await end;
}

function waiting(lab: HttpLab): ContractCase[] {
  const abortedBy = (abort: (controller: AbortController) => void) => async (): Promise<void> => {
    const controller = new AbortController();
    await hang(lab, { signal: controller.signal }, () => abort(controller));
  };
  const byAbort = (reason: string | undefined): Expectation =>
    canceled('abort', 'wait', { origin: 'leave', ...(reason === undefined ? {} : { reason }) });
  return [
    {
      name: 'abort() of its signal',
      stage: abortedBy(function leave(controller) {
        controller.abort();
      }),
      client: byAbort('AbortError: This operation was aborted'),
      server: leftWhileHandled,
    },
    {
      name: 'abort(Error)',
      stage: abortedBy(function leave(controller) {
        controller.abort(new Error('user left'));
      }),
      client: byAbort('user left'),
      server: leftWhileHandled,
    },
    {
      name: 'abort(string)',
      stage: abortedBy(function leave(controller) {
        controller.abort('no longer needed');
      }),
      client: byAbort('no longer needed'),
      server: leftWhileHandled,
    },
    {
      name: 'abort(null)',
      stage: abortedBy(function leave(controller) {
        controller.abort(null);
      }),
      client: canceled('abort', 'wait', { origin: 'leave', attributes: { 'cancel.reason': undefined } }),
      server: leftWhileHandled,
    },
    {
      name: 'abort() in a timer, of a signal that two helpers passed on',
      stage: async () => {
        const controller = new AbortController();
        const outer = (signal: AbortSignal): Promise<void> => inner({ signal });
        const inner = (options: Http.RequestOptions): Promise<void> =>
          hang(lab, options, () => {
            setTimeout(function leave() {
              controller.abort();
            }, 5);
          });
        await outer(controller.signal);
      },
      client: byAbort(undefined),
      server: leftWhileHandled,
    },
    {
      name: 'abort() of one source of AbortSignal.any()',
      stage: async () => {
        const [one, other] = [new AbortController(), new AbortController()];
        await hang(lab, { signal: AbortSignal.any([one.signal, other.signal]) }, function leave() {
          other.abort();
        });
      },
      client: byAbort(undefined),
      server: leftWhileHandled,
    },
    {
      name: 'destroy() in a listener of an abort',
      stage: async () => {
        const controller = new AbortController();
        await hang(lab, {}, function leave(request) {
          controller.signal.addEventListener('abort', () => request.destroy());
          controller.abort();
        });
      },
      client: byAbort(undefined),
      server: leftWhileHandled,
    },
    {
      name: 'request.destroy()',
      stage: () =>
        hang(lab, {}, function giveUp(request) {
          request.destroy();
        }),
      client: canceled('destroy', 'wait', { origin: 'giveUp' }),
      server: leftWhileHandled,
    },
    {
      name: 'request.destroy(error)',
      stage: () =>
        hang(lab, {}, function giveUp(request) {
          request.destroy(new Error('changed my mind'));
        }),
      client: canceled('destroy', 'wait', { origin: 'giveUp', reason: 'changed my mind' }),
      server: leftWhileHandled,
    },
    {
      name: 'request.abort()',
      stage: () =>
        hang(lab, {}, function giveUp(request) {
          request.abort();
        }),
      client: canceled('destroy', 'wait', { origin: 'giveUp' }),
      server: leftWhileHandled,
    },
    {
      name: 'socket.destroy() by the application',
      stage: () =>
        hang(lab, {}, function giveUp(request) {
          request.socket?.destroy();
        }),
      client: canceled('destroy', 'wait', { origin: 'giveUp' }),
      server: leftWhileHandled,
    },
    {
      name: 'agent.destroy()',
      stage: async () => {
        const agent = new lab.http.Agent({ keepAlive: true });
        await hang(lab, { agent }, function giveUp() {
          agent.destroy();
        });
      },
      client: canceled('shutdown', 'wait', { origin: 'giveUp' }),
      server: leftWhileHandled,
    },
    {
      name: 'https, abort() of its signal',
      stage: async () => {
        const handled = event();
        const { at } = await lab.serveTls(() => handled.resolve());
        const controller = new AbortController();
        const { signal } = controller;
        const end = closed(lab.https.get({ ...at, rejectUnauthorized: false, signal }));
        await handled.promise;
        (function leave() {
          controller.abort();
        })();
        await end;
      },
      client: byAbort(undefined),
      server: leftWhileHandled,
    },
  ];
}

function inTheBody(lab: HttpLab): ContractCase[] {
  const half: Handler = (_request, response) =>
    response.writeHead(200, { 'content-length': 10 }).write('half');
  const breakOff =
    (
      options: Http.RequestOptions,
      giveUp: (response: Http.IncomingMessage, request: Http.ClientRequest) => unknown,
    ) =>
    async (): Promise<void> => {
      const { at } = await lab.serve(half);
      const request = lab.http.get({ ...at, ...options });
      const end = closed(request);
      const response = await responseTo(request);
      await once(response, 'data');
      await giveUp(response, request);
      await end;
    };
  const controller = new AbortController();
  return [
    {
      name: 'abort(Error) in the body',
      stage: breakOff({ signal: controller.signal }, function leave() {
        controller.abort(new Error('user left'));
      }),
      client: canceled('abort', 'receive', {
        origin: 'leave',
        reason: 'user left',
        attributes: { 'http.response.status_code': 200 },
      }),
      server: leftWhileWritten,
    },
    {
      name: 'request.destroy() in the body',
      stage: breakOff({}, function giveUp(_response, request) {
        request.destroy();
      }),
      client: canceled('destroy', 'receive', { origin: 'giveUp' }),
      server: leftWhileWritten,
    },
    {
      name: 'response.destroy()',
      stage: breakOff({}, function giveUp(response) {
        response.destroy();
      }),
      client: canceled('destroy', 'receive', { origin: 'giveUp' }),
      server: leftWhileWritten,
    },
    {
      name: 'for await … break',
      stage: async () => {
        const { at } = await lab.serve(half);
        const request = lab.http.get(at);
        const end = closed(request);
        const response = await responseTo(request);
        await (async function leave() {
          for await (const _chunk of response) break;
        })();
        await end;
      },
      client: canceled('destroy', 'receive', { origin: 'leave' }),
      server: leftWhileWritten,
    },
    {
      name: 'pipeline() into something that fails',
      stage: async () => {
        const { at } = await lab.serve(half);
        const request = lab.http.get(at);
        const end = closed(request);
        const response = await responseTo(request);
        const full = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
        await pipeline(response, full).catch(() => {});
        await end;
      },
      client: canceled('destroy', 'receive'),
      server: leftWhileWritten,
    },
  ];
}

function beforeItIsSent(lab: HttpLab): ContractCase[] {
  const neverAnswers = () => lab.serveRaw(() => {});
  /** Aborts when `ready` says so. */
  const abortAfter = async (
    make: (signal: AbortSignal) => Http.ClientRequest,
    ready: (request: Http.ClientRequest) => Promise<unknown>,
  ): Promise<void> => {
    const controller = new AbortController();
    const request = make(controller.signal);
    const end = closed(request);
    await ready(request);
    (function leave() {
      controller.abort();
    })();
    await end;
  };
  const atPhase = (phase: string): Expectation => canceled('abort', phase, { origin: 'leave' });
  const already = (
    name: string,
    makeSignal: () => AbortSignal,
    more: Partial<Expectation>,
  ): ContractCase => ({
    name,
    stage: async () => {
      const { at } = await neverAnswers();
      await closed(lab.http.get({ ...at, signal: makeSignal() }));
    },
    client: canceled('abort', 'queued', more),
    server: null,
  });
  return [
    already(
      'a signal that was aborted already',
      function leave() {
        const controller = new AbortController();
        controller.abort();
        return controller.signal;
      },
      { origin: 'leave' },
    ),
    already(
      'a signal that was aborted already, with an Error',
      function leave() {
        const controller = new AbortController();
        controller.abort(new Error('too late'));
        return controller.signal;
      },
      { origin: 'leave', reason: 'too late' },
    ),
    already('AbortSignal.abort(string)', () => AbortSignal.abort('never wanted'), { reason: 'never wanted' }),
    {
      name: 'abort() while queued in the agent',
      stage: async () => {
        const { at } = await neverAnswers();
        const agent = new lab.http.Agent({ maxSockets: 1 });
        const first = lab.quietly(() => lab.http.get({ ...at, agent }));
        const firstEnd = closed(first);
        await once(first, 'socket');
        // Nothing is heard of the request until a socket is free: the span must not wait for it.
        const controller = new AbortController();
        const request = lab.http.get({ ...at, agent, signal: controller.signal });
        const end = closed(request);
        (function leave() {
          controller.abort();
        })();
        lab.onClose(async () => {
          first.destroy();
          await Promise.all([firstEnd, end]);
        });
      },
      client: atPhase('queued'),
      server: null,
    },
    {
      name: 'abort() while the name is looked up',
      stage: async () => {
        const looking = event<() => void>();
        const lookup = ((_host: string, _options: unknown, found: (error: Error) => void) =>
          looking.resolve(() =>
            found(new Error('nobody waits for this')),
          )) as unknown as Http.RequestOptions['lookup'];
        await abortAfter(
          (signal) => lab.http.get({ host: 'nowhere.test', agent: false, lookup, signal }),
          () => looking.promise,
        );
      },
      client: atPhase('dns'),
      server: null,
    },
    {
      name: 'abort() while it connects',
      stage: async () => {
        const port = await lab.blackHole();
        await abortAfter(
          (signal) => lab.http.get({ host: '127.0.0.1', port, agent: false, signal }),
          (request) => once(request, 'socket').then(() => new Promise(setImmediate)),
        );
      },
      client: atPhase('connect'),
      server: null,
    },
    {
      name: 'abort() in the TLS handshake',
      stage: async () => {
        const { at } = await neverAnswers();
        await abortAfter(
          (signal) => lab.https.get({ ...at, signal }),
          async (request) => {
            const [socket] = await once(request, 'socket');
            await once(socket, 'connect');
          },
        );
      },
      client: atPhase('tls'),
      server: null,
    },
    {
      name: 'abort() while the request is being sent',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const received = event();
        const { server } = await lab.serve(() => received.resolve());
        const { port } = server.address() as { port: number };
        await abortAfter(
          (signal) => {
            const request = lab.http.request({ ...at, port, method: 'POST', signal });
            request.write('first part');
            return request;
          },
          () => received.promise,
        );
      },
      client: atPhase('send'),
      server: { ...leftWhileHandled, phase: 'read' },
    },
  ];
}

function limits(lab: HttpLab): ContractCase[] {
  return [
    {
      name: 'the timeout option, and destroy() in its listener',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const request = (function ask() {
          return lab.http.get({ ...at, timeout: 300 });
        })();
        request.on('timeout', () => request.destroy());
        await closed(request);
      },
      client: exceeded('timeout', 'wait', {
        origin: 'ask',
        attributes: { 'deadline.timeout_ms': 300, 'deadline.source': 'timeout' },
      }),
      server: leftWhileHandled,
    },
    {
      name: 'timeout and abort() in its listener',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const controller = new AbortController();
        const request = lab.http.get({ ...at, timeout: 20, signal: controller.signal });
        request.on('timeout', () => controller.abort());
        await closed(request);
      },
      client: { outcome: 'context.canceled', initiator: 'local', trigger: 'abort' },
      server: leftWhileHandled,
    },
    {
      name: 'request.setTimeout() whose callback destroys with an error',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const request = lab.http.get(at);
        (function limit() {
          request.setTimeout(50, () => request.destroy(new Error('too slow')));
        })();
        await closed(request);
      },
      client: exceeded('timeout', 'wait', {
        origin: 'limit',
        reason: 'too slow',
        attributes: { 'deadline.timeout_ms': 50, 'deadline.source': 'timeout' },
      }),
      server: leftWhileHandled,
    },
    {
      name: 'request.setTimeout() in the place of the timeout option',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const request = lab.http.get({ ...at, timeout: 5_000 });
        (function limit() {
          request.setTimeout(50, () => request.destroy());
        })();
        await closed(request);
      },
      client: exceeded('timeout', 'wait', {
        origin: 'limit',
        attributes: { 'deadline.timeout_ms': 50, 'deadline.source': 'timeout' },
      }),
      server: leftWhileHandled,
    },
    {
      name: 'the timeout of an agent',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const agent = (function limit() {
          return new lab.http.Agent({ keepAlive: true, timeout: 60 });
        })();
        const request = lab.http.get({ ...at, agent });
        request.on('timeout', () => request.destroy());
        await closed(request);
        agent.destroy();
      },
      client: exceeded('timeout', 'wait', {
        origin: 'limit',
        attributes: { 'deadline.timeout_ms': 60, 'deadline.source': 'timeout' },
      }),
      server: leftWhileHandled,
    },
    {
      name: 'an idle limit that passes in the body, long after the start',
      stage: async () => {
        const { at } = await lab.serve((_request, response) => {
          for (const ms of [0, 60, 120]) setTimeout(() => response.write('part'), ms);
        });
        const request = (function ask() {
          return lab.http.get({ ...at, timeout: 100 }, (response) => response.on('error', () => {}).resume());
        })();
        request.on('timeout', () => request.destroy());
        await closed(request);
      },
      client: exceeded('timeout', 'receive', { origin: 'ask', attributes: { 'deadline.timeout_ms': 100 } }),
      server: leftWhileWritten,
    },
    {
      name: 'destroy() with a TimeoutError, by a timer of the application',
      stage: () =>
        hang(lab, {}, function giveUp(request) {
          request.destroy(new DOMException('took too long', 'TimeoutError'));
        }),
      client: exceeded('timeout', 'wait', { origin: 'giveUp', reason: 'TimeoutError: took too long' }),
      server: leftWhileHandled,
    },
    {
      name: 'AbortSignal.timeout()',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const signal = (function limit() {
          return AbortSignal.timeout(300);
        })();
        await closed(lab.http.get({ ...at, signal }));
      },
      client: exceeded('signal_timeout', 'wait', {
        origin: 'limit',
        attributes: { 'deadline.source': 'signal' },
      }),
      server: leftWhileHandled,
    },
    {
      name: 'AbortSignal.timeout() through AbortSignal.any()',
      stage: async () => {
        const { at } = await lab.serve(() => {});
        const timeout = (function limit() {
          return AbortSignal.timeout(300);
        })();
        const signal = AbortSignal.any([new AbortController().signal, timeout]);
        await closed(lab.http.get({ ...at, signal }));
        timeout.throwIfAborted.name; // Node 20 forgets a source that nobody holds
      },
      client: exceeded('signal_timeout', 'wait', {
        origin: 'limit',
        attributes: { 'deadline.source': 'signal' },
      }),
      server: leftWhileHandled,
    },
  ];
}

/** The answer is an error, and the client does not want to read all of it. */
function discards(lab: HttpLab): ContractCase[] {
  const discard = (
    name: string,
    statusCode: number,
    giveUp: (request: Http.ClientRequest, response: Http.IncomingMessage) => void,
    client: Expectation,
    options: Http.RequestOptions = {},
  ): ContractCase => ({
    name: `an answer ${statusCode}, and ${name}`,
    stage: async () => {
      const { at } = await lab.serve((_request, response) => {
        response.writeHead(statusCode, { 'content-length': 1_000 }).write('half');
      });
      const request = lab.http.get({ ...at, ...options });
      request.on('response', (response) => {
        response.on('error', () => {});
        giveUp(request, response);
      });
      await closed(request);
    },
    client: { ...client, status: 'error' },
    server: { outcome: undefined },
  });
  const failedFirst = (statusCode: number): Partial<Expectation> => ({
    origin: 'giveUp',
    attributes: { 'http.response.status_code': statusCode },
  });
  const controller = new AbortController();
  const server: Expectation[] = [{ ...leftWhileWritten, status: 'error' }];
  return [
    {
      ...discard(
        'destroy(error)',
        503,
        function giveUp(request) {
          request.destroy(new Error('bad status 503'));
        },
        canceled('destroy', 'receive', { ...failedFirst(503), reason: 'bad status 503' }),
      ),
      server,
    },
    {
      // As ws does.
      ...discard(
        'abort() and destroy() of the socket',
        400,
        function giveUp(request) {
          request.abort();
          request.socket?.destroy();
        },
        canceled('destroy', 'receive', failedFirst(400)),
      ),
      server: leftWhileWritten,
    },
    {
      ...discard(
        'destroy() of the response',
        404,
        function giveUp(_request, response) {
          response.destroy();
        },
        canceled('destroy', 'receive', failedFirst(404)),
      ),
      server: leftWhileWritten,
    },
    {
      ...discard(
        'abort() of the signal',
        500,
        function giveUp() {
          controller.abort();
        },
        canceled('abort', 'receive', failedFirst(500)),
        { signal: controller.signal },
      ),
      server,
    },
  ];
}

/** The server answers, and the answer says that the request was cancelled. */
function answers(lab: HttpLab): ContractCase[] {
  const answer = (statusCode: number, client: Expectation, connection = 'keep-alive'): ContractCase => ({
    name: `the server answers ${statusCode}, connection: ${connection}`,
    stage: async () => {
      const { at } = await lab.serve((_request, response) =>
        response.writeHead(statusCode, { connection }).end(),
      );
      const agent = new lab.http.Agent({ keepAlive: true });
      await closed(lab.http.get({ ...at, agent }, (response) => response.resume()));
      agent.destroy();
    },
    client: { ...client, attributes: { 'network.connection.reused_after': connection === 'keep-alive' } },
    server: {
      outcome: client.outcome,
      initiator: 'local',
      trigger: 'status',
      phase: 'handle',
      status: client.outcome === 'deadline_exceeded' ? 'error' : 'unset',
      attributes: { 'http.response.status_code': statusCode },
      ...(client.reason === undefined ? {} : { reason: client.reason }),
    },
  });
  const byStatus = { initiator: 'peer', trigger: 'status', phase: 'wait', origin: null } as const;
  const tooLate = { ...byStatus, outcome: 'deadline_exceeded', status: 'error' } as const;
  return [
    answer(408, { ...tooLate, reason: 'Request Timeout' }),
    answer(408, { ...tooLate, reason: 'Request Timeout' }, 'close'),
    answer(499, { ...byStatus, outcome: 'context.canceled', status: 'error' }),
    answer(504, { ...tooLate, reason: 'Gateway Timeout' }),
  ];
}
