/** Streams that the client ends. */
import { once } from 'node:events';
import http2 from 'node:http2';
import { pipeline, Readable } from 'node:stream';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { HttpLab } from '../http/lab.ts';
import {
  abortWith,
  canceledHere,
  cancelStream,
  closeStream,
  destroySession,
  destroyStream,
  disconnected,
  leftByReset,
  limitSession,
  limitStream,
  readFirst,
  timeoutSignal,
  withRst,
} from './expected.ts';
import { type Api, type Http2Lab, type InFlight, isOver, SERVERS, type Transport } from './lab.ts';

const { NGHTTP2_CANCEL } = http2.constants;

export async function clientCases(lab: Http2Lab): Promise<ContractCase[]> {
  const cases: ContractCase[] = [];
  for (const [transport, api] of SERVERS) {
    cases.push(...(await cancels(lab, transport, api)));
  }
  cases.push(...(await phases(lab)), ...(await shutdowns(lab)));
  return cases;
}

async function cancels(lab: Http2Lab, transport: Transport, api: Api): Promise<ContractCase[]> {
  const peer = await lab.serve(() => {}, { transport, api });
  const answering = await lab.serve(answerInPart, { transport, api });
  const title = (text: string): string => `${transport}, ${api}: ${text}`;
  const url = { 'url.full': `${peer.url}/?q=1`, 'network.peer.address': '127.0.0.1' };

  async function inBody(options?: http2.ClientSessionRequestOptions): Promise<InFlight> {
    const inFlight = await answering.arrived({}, options);
    await once(inFlight.client, 'data');
    return inFlight;
  }

  return [
    {
      name: title('stream.close(NGHTTP2_CANCEL)'),
      stage: () =>
        peer.ended(({ client }) => cancelStream(client), { ':path': '/?q=1', 'user-agent': 'test/1' }),
      client: {
        ...canceledHere,
        trigger: 'cancel',
        origin: 'cancelStream',
        attributes: {
          ...canceledHere.attributes,
          ...url,
          'http2.rst_code': 8,
          'http.request.method': 'GET',
          'server.address': '127.0.0.1',
          'server.port': peer.port,
          'network.peer.port': peer.port,
          'network.protocol.version': '2',
          'error.type': undefined,
        },
      },
      server: {
        ...leftByReset,
        attributes: {
          ...leftByReset.attributes,
          'http.request.method': 'GET',
          'url.path': '/',
          'url.query': 'q=1',
          'url.scheme': transport === 'h2' ? 'https' : 'http',
          'server.address': '127.0.0.1',
          'server.port': peer.port,
          'client.address': '127.0.0.1',
          'user_agent.original': 'test/1',
        },
      },
    },
    {
      name: title('stream.close()'),
      stage: () => peer.ended(({ client }) => closeStream(client)),
      client: withRst({ ...canceledHere, trigger: 'cancel', origin: 'closeStream' }, 0),
      server: withRst(leftByReset, 0),
    },
    {
      name: title('stream.destroy()'),
      stage: () => peer.ended(({ client }) => destroyStream(client)),
      client: withRst({ ...canceledHere, trigger: 'destroy', origin: 'destroyStream' }, 0),
      server: withRst(leftByReset, 0),
    },
    {
      name: title('stream.destroy(error)'),
      stage: () => peer.ended(({ client }) => destroyStream(client, new Error('no longer needed'))),
      client: withRst(
        { ...canceledHere, trigger: 'destroy', origin: 'destroyStream', reason: 'no longer needed' },
        2,
      ),
      server: withRst(leftByReset, 2),
    },
    {
      name: title('signal, before the head'),
      async stage() {
        const controller = new AbortController();
        const { over } = await peer.arrived({}, { signal: controller.signal });
        abortWith(controller, new Error('user left'));
        await over;
      },
      client: withRst({ ...canceledHere, trigger: 'abort', origin: 'abortWith', reason: 'user left' }, 8),
      server: leftByReset,
    },
    {
      name: title('signal with a reason that is no error, in the body'),
      async stage() {
        const controller = new AbortController();
        const { over } = await inBody({ signal: controller.signal });
        abortWith(controller, 'enough');
        await over;
      },
      client: withRst(
        {
          ...canceledHere,
          trigger: 'abort',
          phase: 'receive',
          origin: 'abortWith',
          reason: 'enough',
          attributes: { ...canceledHere.attributes, 'http.response.status_code': 200 },
        },
        8,
      ),
      server: { ...leftByReset, phase: 'write', attributes: { 'http.response.status_code': 200 } },
    },
    {
      name: title("close() in an 'abort' listener of the application"),
      async stage() {
        const controller = new AbortController();
        const { client, over } = await peer.arrived();
        controller.signal.addEventListener('abort', () => client.close(NGHTTP2_CANCEL));
        abortWith(controller, new Error('user left'));
        await over;
      },
      client: withRst({ ...canceledHere, trigger: 'abort', origin: 'abortWith', reason: 'user left' }, 8),
      server: leftByReset,
    },
    {
      name: title('AbortSignal.timeout()'),
      async stage() {
        const { over } = await peer.arrived({}, { signal: timeoutSignal(300) });
        await over;
      },
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'signal_timeout',
        phase: 'wait',
        origin: 'timeoutSignal',
        status: 'error',
        attributes: { 'http2.rst_code': 8, 'deadline.source': 'signal', 'error.type': 'timeout' },
      },
      server: leftByReset,
    },
    {
      name: title('stream.setTimeout() and close() in its listener'),
      stage: () => peer.ended(({ client }) => limitStream(client, 50)),
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'timeout',
        phase: 'wait',
        origin: 'limitStream',
        status: 'error',
        attributes: { 'http2.rst_code': 8, 'deadline.timeout_ms': 50, 'deadline.source': 'timeout' },
      },
      server: leftByReset,
    },
    {
      name: title('for await with a break after the first chunk'),
      async stage() {
        const { client, over } = await answering.arrived();
        await readFirst(client);
        await over;
      },
      // Node destroys the stream in a microtask: the loop is not on the stack.
      client: { ...canceledHere, trigger: 'destroy', phase: 'receive' },
      server: { ...leftByReset, phase: 'write', attributes: { 'http.response.status_code': 200 } },
    },
    {
      name: title('the request body fails in a pipeline'),
      async stage() {
        const inFlight = await peer.arrived({ ':method': 'POST' });
        const source = new Readable({ read() {} });
        pipeline(source, inFlight.client, () => {});
        source.push('part');
        source.destroy(new Error('disk full'));
        await inFlight.over;
      },
      client: { ...withRst(canceledHere, 2), trigger: 'destroy', phase: 'send', reason: 'disk full' },
      server: { ...withRst(leftByReset, 2), phase: 'read' },
    },
    {
      name: title('cancelled, and the handler answers all the same'),
      async stage() {
        const { client, stream, response, over } = await peer.arrived();
        const told = once(stream, 'aborted');
        cancelStream(client);
        await told;
        if (response === undefined) assertRefused(() => stream.respond({ ':status': 200 }));
        else response.end('too late');
        stream.end('too late');
        await over;
      },
      client: withRst({ ...canceledHere, trigger: 'cancel', origin: 'cancelStream' }, 8),
      server: leftByReset,
    },
    {
      name: title('connection lost'),
      async stage() {
        const wire = await lab.wireTo(peer.port);
        const { over } = await peer.arrived({}, {}, peer.connect(wire.port));
        wire.cut();
        await over;
      },
      client: { outcome: undefined, status: 'error', attributes: { 'error.type': 'ECONNRESET' } },
      server: disconnected,
    },
  ];
}

async function phases(lab: Http2Lab): Promise<ContractCase[]> {
  const peer = await lab.serve(() => {});
  const narrow = await lab.serve(() => {}, { settings: { maxConcurrentStreams: 1 } });
  const silentPort = await lab.serveRaw(() => {});
  const http = new HttpLab();
  lab.onClose(() => http.close());
  const unreachablePort = await http.blackHole();

  async function abortedOn(session: http2.ClientHttp2Session, afterMs = 20): Promise<void> {
    const controller = new AbortController();
    const client = session.request({}, { signal: controller.signal });
    client.on('error', () => {});
    const over = isOver(client);
    setTimeout(() => abortWith(controller, new Error('user left')), afterMs);
    await over;
  }

  function abortedIn(phase: string | readonly string[]): Expectation {
    return withRst(
      { ...canceledHere, trigger: 'abort', phase, origin: 'abortWith', reason: 'user left' },
      undefined,
    );
  }

  return [
    {
      name: 'signal that is aborted already',
      async stage() {
        const controller = new AbortController();
        abortWith(controller, new Error('user left'));
        const session = await peer.session();
        const client = session.request({}, { signal: controller.signal });
        client.on('error', () => {});
        await isOver(client);
      },
      client: abortedIn('queued'),
      server: null,
    },
    {
      name: 'signal while the name is resolved',
      async stage() {
        const session = http2.connect('http://example.test:1', { lookup() {} });
        session.on('error', () => {});
        await abortedOn(session);
        session.destroy();
      },
      client: abortedIn('dns'),
      server: null,
    },
    {
      name: 'signal while the connection is made',
      async stage() {
        const session = http2.connect(`http://127.0.0.1:${unreachablePort}`);
        session.on('error', () => {});
        await abortedOn(session);
        session.destroy();
      },
      client: abortedIn('connect'),
      server: null,
    },
    {
      name: 'signal in the TLS handshake',
      async stage() {
        const session = http2.connect(`https://127.0.0.1:${silentPort}`);
        session.on('error', () => {});
        await abortedOn(session, 50);
        session.destroy();
      },
      client: abortedIn('tls'),
      server: null,
    },
    {
      name: 'close() before the connection is made',
      async stage() {
        const session = http2.connect(`https://127.0.0.1:${silentPort}`);
        session.on('error', () => {});
        const client = session.request({});
        client.on('error', () => {});
        await new Promise((resolve) => setTimeout(resolve, 50));
        cancelStream(client);
        await new Promise((resolve) => setTimeout(resolve, 10));
        session.destroy();
      },
      client: { ...canceledHere, trigger: 'cancel', phase: 'tls', origin: 'cancelStream' },
      server: null,
    },
    {
      name: 'signal while the server allows no more streams',
      async stage() {
        const session = await narrow.session();
        const first = lab.quietly(() => session.request({}));
        first.on('error', () => {});
        await abortedOn(session);
        first.destroy();
        await isOver(first);
      },
      client: { ...abortedIn('queued'), attributes: {} },
    },
    {
      name: 'request and reset in one packet',
      async stage() {
        const session = await peer.session();
        const client = session.request({ ':method': 'POST' });
        client.on('error', () => {});
        client.write('part');
        await new Promise((resolve) => process.nextTick(resolve));
        client.close(NGHTTP2_CANCEL);
        await isOver(client);
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
      client: {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'cancel',
        phase: ['queued', 'send'],
      },
    },
  ];
}

async function shutdowns(lab: Http2Lab): Promise<ContractCase[]> {
  const peer = await lab.serve(() => {});
  const shutDown: Expectation = {
    ...canceledHere,
    trigger: 'shutdown',
    attributes: { 'network.connection.reused_after': false },
  };
  return [
    {
      name: "the client's session.destroy()",
      stage: () => peer.ended(({ session }) => destroySession(session), {}, {}, peer.connect()),
      client: { ...shutDown, origin: 'destroySession' },
      server: disconnected,
    },
    {
      name: "the client's session.destroy(error)",
      stage: () =>
        peer.ended(({ session }) => destroySession(session, new Error('giving up')), {}, {}, peer.connect()),
      client: { ...shutDown, origin: 'destroySession', reason: 'giving up' },
      server: disconnected,
    },
    {
      // As Connect's errors are.
      name: "the client's session.destroy() of an error whose code is a number",
      stage: () => {
        const error = Object.assign(new Error('giving up'), { code: 14 });
        return peer.ended(({ session }) => destroySession(session, error), {}, {}, peer.connect());
      },
      client: { ...shutDown, origin: 'destroySession', reason: 'giving up' },
      server: disconnected,
    },
    {
      name: "the client's session.setTimeout() and destroy() in its listener",
      stage: () => peer.ended(({ session }) => limitSession(session, 50), {}, {}, peer.connect()),
      client: {
        outcome: 'deadline_exceeded',
        initiator: 'local',
        trigger: 'timeout',
        phase: 'wait',
        origin: 'limitSession',
        status: 'error',
        attributes: { 'deadline.timeout_ms': 50, 'network.connection.reused_after': false },
      },
      server: disconnected,
    },
  ];
}

function answerInPart({
  stream,
  response,
}: {
  stream: http2.ServerHttp2Stream;
  response?: http2.Http2ServerResponse;
}): void {
  if (response !== undefined) {
    response.write('first');
  } else {
    stream.respond({ ':status': 200 });
    stream.write('first');
  }
}

function assertRefused(call: () => unknown): void {
  try {
    call();
  } catch {
    return;
  }
  throw new Error('Node refuses this on a stream that was reset');
}
