/** What every HTTP client has to show, whatever its interface looks like. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { event, type Handler, HttpLab } from '../integrations/http/lab.ts';
import type { ContractCase, ContractSubject, Expectation } from '../support/contract.ts';

/** One request that is under way, as a library gives it to its caller. */
export interface Sent {
  /** Settles when it is over, whatever becomes of it. */
  readonly end: Promise<unknown>;
  /** The library's own way to call it off, if there is one beside signals: called in a function named `cancel`. */
  readonly cancel?: (reason: string) => void;
}

export interface Options {
  readonly signal?: AbortSignal;
  /** The library's own limit for the whole request, in ms. */
  readonly timeoutMs?: number;
}

export interface Client {
  readonly name: string;
  /** Loads the library; the function returned sends a GET and reads the whole body. */
  readonly load: (lab: HttpLab) => Promise<(url: string, options?: Options) => Sent>;
  readonly takesSignal: boolean;
  /** How its own time limit ends a request: by destroying it, or by a signal of its own. Undefined: it has none. */
  readonly limit?: {
    readonly trigger: 'timeout' | 'signal_timeout';
    /** Whether it holds until the body was read, or only until there is a response. */
    readonly until: 'body' | 'response';
  };
  /** What its own way to cancel, given 'user left', looks like. */
  readonly cancelled?: Expectation;
}

export async function clientCases(client: Client, lab: HttpLab): Promise<ContractCase[]> {
  const send = await client.load(lab);
  const cases = [...controls(client.name, send, lab)];
  if (client.takesSignal) cases.push(...aborted(client.name, send, lab));
  if (client.limit) cases.push(...timedOut(client.name, client.limit, send, lab));
  if (client.cancelled) cases.push(...cancelled(client.name, client.cancelled, send, lab));
  return cases;
}

/** Every client, one after the other in one process. */
export async function allClientCases(clients: readonly Client[]): Promise<ContractSubject> {
  const lab = new HttpLab();
  const cases: ContractCase[] = [];
  for (const client of clients) cases.push(...(await clientCases(client, lab)));
  return { cases, close: () => lab.close() };
}

type Send = Awaited<ReturnType<Client['load']>>;

/** Long enough for the request to be under way on a busy machine. */
const LIMIT_MS = 300;

const unmarked: Expectation = { outcome: undefined };

function clientLeft(phase: string): Expectation {
  return { outcome: 'context.canceled', initiator: 'peer', trigger: 'disconnect', phase, status: 'unset' };
}

const local = (phase: string, more: Partial<Expectation>): Expectation => ({
  outcome: 'context.canceled',
  initiator: 'local',
  phase,
  status: 'unset',
  ...more,
});

const waits: Handler = () => {};
const startsBody: Handler = (_request, response) => {
  response.write('first part');
};

/** Serves one request by `handler`; `then` is called when it was, and the client knows of it. */
async function request(
  lab: HttpLab,
  handler: Handler,
  send: (url: string) => Sent,
  then?: (sent: Sent) => unknown,
): Promise<void> {
  const handled = event();
  const over = event();
  let isServed = false;
  const { port } = await lab.serve((incoming, response) => {
    isServed = true;
    response.on('close', () => over.resolve());
    handler(incoming, response);
    handled.resolve();
  });
  const answered = then && handler === startsBody ? responseSeen() : undefined;
  const sent = send(`http://127.0.0.1:${port}/`);
  // A limit may pass before the server has seen anything, on a machine that is very busy.
  await Promise.race([Promise.all([handled.promise, answered]), sent.end]);
  await then?.(sent);
  await sent.end;
  if (isServed) await over.promise;
}

/** Of node:http and of fetch(). */
const RESPONSE_SEEN = ['http.client.response.finish', 'undici:request:headers'];

/** Waits until the client, whichever it is, has got the head of a response and done with it what it does. */
async function responseSeen(): Promise<void> {
  const seen = event();
  const onResponse = (): void => seen.resolve();
  for (const channel of RESPONSE_SEEN) subscribe(channel, onResponse);
  await seen.promise;
  for (const channel of RESPONSE_SEEN) unsubscribe(channel, onResponse);
  await new Promise(setImmediate);
}

function controls(name: string, send: Send, lab: HttpLab): ContractCase[] {
  return [
    {
      name: `${name}: success, with a limit and a signal`,
      stage: () =>
        request(
          lab,
          (_request, response) => response.end('body'),
          (url) => send(url, { signal: new AbortController().signal, timeoutMs: 10_000 }),
        ),
      client: { ...unmarked, status: 'unset' },
      server: { ...unmarked, status: 'unset' },
    },
    {
      name: `${name}: the server answers with an error`,
      stage: () => request(lab, (_request, response) => response.writeHead(503).end('no'), send),
      client: unmarked,
      server: unmarked,
    },
    {
      name: `${name}: nobody listens`,
      stage: async () => {
        const { port, server } = await lab.serve(waits);
        server.close();
        await once(server, 'close');
        await send(`http://127.0.0.1:${port}/`).end;
      },
      client: { ...unmarked, status: 'error' },
      server: null,
    },
    {
      name: `${name}: the server resets`,
      stage: async () => {
        const { port } = await lab.serveRaw((socket) => socket.once('data', () => socket.resetAndDestroy()));
        await send(`http://127.0.0.1:${port}/`).end;
      },
      client: { ...unmarked, status: 'error' },
      server: null,
    },
    {
      name: `${name}: the server cuts the body off`,
      stage: async () => {
        const { port } = await lab.serveRaw((socket) =>
          socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf')),
        );
        await send(`http://127.0.0.1:${port}/`).end;
      },
      client: unmarked,
      server: null,
    },
  ];
}

function aborted(name: string, send: Send, lab: HttpLab): ContractCase[] {
  const abort = (handler: Handler) => async (): Promise<void> => {
    const controller = new AbortController();
    await request(
      lab,
      handler,
      (url) => send(url, { signal: controller.signal }),
      function leave() {
        controller.abort(new Error('user left'));
      },
    );
  };
  // A library on fetch() may make an error of its own of it.
  const byAbort = { trigger: 'abort', reason: /^(?:CanceledError: )?user left$/, origin: 'leave' };
  return [
    {
      name: `${name}: its signal is aborted while it waits`,
      stage: abort(waits),
      client: local('wait', byAbort),
      server: clientLeft('handle'),
    },
    {
      name: `${name}: its signal is aborted while it reads`,
      stage: abort(startsBody),
      client: local('receive', byAbort),
      server: clientLeft('write'),
    },
    {
      name: `${name}: its signal times out`,
      stage: () => request(lab, waits, (url) => send(url, { signal: limit() })),
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'signal_timeout',
        phase: 'wait',
        reason: /aborted due to timeout$/,
        origin: 'limit',
        status: 'error',
      },
      server: clientLeft('handle'),
    },
  ];
}

function limit(): AbortSignal {
  return AbortSignal.timeout(LIMIT_MS);
}

function timedOut(
  name: string,
  { trigger, until }: NonNullable<Client['limit']>,
  send: Send,
  lab: HttpLab,
): ContractCase[] {
  const passed: Expectation = { outcome: 'deadline_exceeded', initiator: 'local', trigger, status: 'error' };
  const waiting: ContractCase = {
    name: `${name}: its own limit passes while it waits`,
    stage: () => request(lab, waits, (url) => send(url, { timeoutMs: LIMIT_MS })),
    client: { ...passed, phase: 'wait' },
    server: clientLeft('handle'),
  };
  const reading: ContractCase = {
    name: `${name}: its own limit passes while it reads`,
    stage: () => request(lab, startsBody, (url) => send(url, { timeoutMs: LIMIT_MS })),
    client: { ...passed, phase: 'receive' },
    server: clientLeft('write'),
  };
  return until === 'body' ? [waiting, reading] : [waiting];
}

function cancelled(name: string, expectation: Expectation, send: Send, lab: HttpLab): ContractCase[] {
  const cancel =
    (handler: Handler, defer: (now: () => void) => unknown = (now) => now()) =>
    () =>
      request(lab, handler, send, ({ cancel }) => defer(() => cancel?.('user left')));
  const byCaller = (phase: string): Expectation => ({
    ...local(phase, { trigger: 'destroy', origin: 'cancel' }),
    ...expectation,
  });
  return [
    {
      name: `${name}: called off while it waits`,
      stage: cancel(waits),
      client: byCaller('wait'),
      server: clientLeft('handle'),
    },
    {
      name: `${name}: called off while it reads`,
      stage: cancel(startsBody),
      client: byCaller('receive'),
      server: clientLeft('write'),
    },
    {
      name: `${name}: called off by a timer of the application, which is no limit of the library`,
      stage: cancel(waits, (now) => setTimeout(now, 20)),
      client: byCaller('wait'),
      server: clientLeft('handle'),
    },
  ];
}
