/** What every framework on node:http has to show, whatever its handlers look like. */
import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Instrumentation, registerInstrumentations } from '@opentelemetry/instrumentation';
import { event, HttpLab } from '../integrations/http/lab.ts';
import type { ContractCase, ContractSubject, Expectation } from '../support/contract.ts';
import type { Setup } from '../support/telemetry.ts';

/** The handlers' side of what is staged. */
export interface Story {
  /** Called by the handler that waits, and by the one that has begun to answer. */
  readonly entered: () => void;
  /** Resolved when the request is over: a handler that waits then answers, too late. */
  readonly over: Promise<void>;
}

/**
 * An application with these routes: GET /wait/:id waits and then answers; GET /parts/:id sends a part of
 * its body and waits; POST /uploads/:id reads a body; GET /drop/:id destroys the response in a function
 * named `drop`; GET /fine/:id answers; GET /throws/:id throws a plain Error; GET /rejects/:id does so
 * after a tick.
 */
export interface Framework {
  readonly name: string;
  /** A server that does not listen yet, or listens to a port of 127.0.0.1 already. */
  readonly create: (story: () => Story, lab: HttpLab) => Promise<Server>;
  /** When it tells us the route, for spans of our own. Most parsers of bodies run before the routing. */
  readonly tellsRoute: 'always' | 'once the body is read' | 'never';
  /** The framework's own, which tells the route to whoever makes the span: package and class. It is there in every set-up. */
  readonly instrumentation?: readonly [packageName: string, className: string];
  /** As its routes have it. @default ':id' */
  readonly parameter?: string;
}

export async function frameworkCases(framework: Framework, setup: Setup): Promise<ContractSubject> {
  const lab = new HttpLab();
  const stage = new Stage(lab);
  if (framework.instrumentation) {
    const [packageName, className] = framework.instrumentation;
    const classes = lab.require(packageName) as Record<string, new () => Instrumentation>;
    const OfFramework = classes[className];
    if (OfFramework) registerInstrumentations({ instrumentations: [new OfFramework()] });
  }
  stage.server = await framework.create(() => stage.story, lab);
  if (!stage.server.listening) {
    stage.server.listen(0, '127.0.0.1');
    await once(stage.server, 'listening');
  }
  return {
    cases: cases(framework, setup, stage),
    close: async () => {
      stage.server?.close();
      stage.server?.closeAllConnections();
      await lab.close();
    },
  };
}

class Stage {
  readonly lab: HttpLab;
  server: Server | undefined;
  story: Story = { entered: () => {}, over: Promise.resolve() };

  constructor(lab: HttpLab) {
    this.lab = lab;
  }

  /** Sends a request line, then more headers with their body; `leave` is called when the request is under way. */
  async request(
    line: string,
    more: string,
    leave?: (client: Awaited<ReturnType<HttpLab['connectRaw']>>, entered: Promise<void>) => unknown,
  ): Promise<void> {
    const server = this.server as Server;
    const entered = event();
    const over = event();
    this.story = { entered: () => entered.resolve(), over: over.promise };
    const seen = once(server, 'request') as Promise<[IncomingMessage, ServerResponse]>;
    const { port } = server.address() as AddressInfo;
    const client = await this.lab.connectRaw(
      port,
      `${line} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${more}\r\n`,
    );
    client.resume();
    const left = once(client, 'close');
    const [, response] = await seen;
    const closed = response.closed ? undefined : once(response, 'close');
    await leave?.(client, entered.promise);
    await closed;
    over.resolve();
    await left;
  }
}

const clientLeft = {
  outcome: 'context.canceled',
  initiator: 'peer',
  trigger: 'disconnect',
  origin: null,
} as const;
const unmarked = { outcome: undefined } as const;

function cases(framework: Framework, setup: Setup, stage: Stage): ContractCase[] {
  const { name, tellsRoute, instrumentation, parameter = ':id' } = framework;
  const as = (method: string, route: string | undefined, expectation: Expectation): Expectation => {
    // Beside the official instrumentation the route is that one's to tell: it knows what the framework's own has told it.
    const isTold = setup === 'alone' || instrumentation !== undefined;
    const told = isTold ? route?.replace(':id', parameter) : undefined;
    return {
      status: 'unset',
      ...expectation,
      name: told === undefined ? method : `${method} ${told}`,
      attributes: { 'http.route': told },
    };
  };
  const handled = (path: string): string | undefined => (tellsRoute === 'never' ? undefined : path);
  const early = (path: string): string | undefined => (tellsRoute === 'always' ? path : undefined);
  const failure = { ...unmarked, status: 'error' } as const;
  return [
    {
      name: `${name}: the client leaves while the handler works`,
      stage: () =>
        stage.request('GET /wait/1', '', async (client, entered) => {
          await entered;
          client.destroy();
        }),
      client: null,
      server: as('GET', handled('/wait/:id'), { ...clientLeft, phase: 'handle' }),
    },
    {
      name: `${name}: the client leaves in the middle of the answer`,
      stage: () =>
        stage.request('GET /parts/1', '', async (client, entered) => {
          await Promise.all([entered, once(client, 'data')]);
          client.destroy();
        }),
      client: null,
      server: as('GET', handled('/parts/:id'), { ...clientLeft, phase: 'write' }),
    },
    {
      name: `${name}: the client leaves in the middle of its upload`,
      stage: () =>
        stage.request(
          'POST /uploads/1',
          'content-type: application/json\r\ncontent-length: 20\r\n\r\n{"half":',
          (client) => client.destroy(),
        ),
      client: null,
      server: as('POST', early('/uploads/:id'), { ...clientLeft, phase: 'read' }),
    },
    {
      name: `${name}: the handler destroys the response`,
      stage: () => stage.request('GET /drop/1', ''),
      client: null,
      server: as('GET', handled('/drop/:id'), {
        outcome: 'context.canceled',
        initiator: 'local',
        trigger: 'destroy',
        phase: 'handle',
        origin: 'drop',
      }),
    },
    {
      name: `${name}: the handler answers`,
      stage: () => stage.request('GET /fine/1?query=2', ''),
      client: null,
      server: as('GET', handled('/fine/:id'), unmarked),
    },
    {
      name: `${name}: the handler throws`,
      stage: () => stage.request('GET /throws/1', ''),
      client: null,
      server: as('GET', handled('/throws/:id'), failure),
    },
    {
      name: `${name}: the handler rejects`,
      stage: () => stage.request('GET /rejects/1', ''),
      client: null,
      server: as('GET', handled('/rejects/:id'), failure),
    },
    {
      name: `${name}: there is no such route`,
      stage: () => stage.request('GET /nothing/1', ''),
      client: null,
      server: as('GET', undefined, unmarked),
    },
  ];
}
