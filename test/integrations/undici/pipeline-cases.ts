/** What is staged with undici.pipeline(): its duplex, and the stream that its handler returns. */
import { PassThrough, type Readable, Transform, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type { ContractCase, Expectation } from '../../support/contract.ts';
import { left, unmarked } from './fetch-cases.ts';
import type { Undici, UndiciLibrary } from './library.ts';
import type { UndiciServer } from './server.ts';

type Duplex = ReturnType<Undici['pipeline']>;
type OneSided = ContractCase & { readonly client: Expectation };
type Handler = (answer: { readonly body: Readable }) => Readable;

const received: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'destroy',
  phase: 'receive',
  status: 'unset',
};

const asItIs: Handler = ({ body }) => body;

function stopReading(stream: { destroy(error?: Error): unknown }, error?: Error): void {
  stream.destroy(error);
}

async function leaveLoop(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) break;
}

export function pipelineCases(
  { name, undici }: UndiciLibrary,
  server: UndiciServer,
): readonly ContractCase[] {
  /** Until the duplex is closed. */
  async function pipe(path: string, handler: Handler, act: (duplex: Duplex) => unknown): Promise<void> {
    const dispatcher = new undici.Agent();
    try {
      const duplex = undici.pipeline(server.origin + path, { dispatcher, method: 'GET' }, handler);
      const closed = finished(duplex).catch(() => {});
      duplex.on('error', () => {}).end();
      await act(duplex);
      await closed;
      await server.idle();
    } finally {
      await dispatcher.destroy();
    }
  }
  const withAndWithout = (one: (error: Error | undefined) => OneSided): ContractCase[] =>
    [undefined, new Error('enough')].map((error) => {
      const { name: what, client, ...rest } = one(error);
      const reason = error && { reason: error.message };
      return {
        ...rest,
        name: `${what}, ${error ? 'with an error' : 'without one'}`,
        client: { ...client, ...reason },
      };
    });
  const cases: ContractCase[] = [
    ...withAndWithout((error) => ({
      name: 'destroyed while it waits',
      async stage() {
        const seen = server.seen('/hang/3');
        await pipe('/hang/3', asItIs, async (duplex) => {
          await seen;
          stopReading(duplex, error);
        });
      },
      client: { ...received, phase: 'wait', origin: 'stopReading' },
      server: left,
    })),
    ...withAndWithout((error) => ({
      name: 'destroyed while it receives',
      stage: () => pipe('/body', asItIs, (duplex) => duplex.once('data', () => stopReading(duplex, error))),
      client: { ...received, origin: 'stopReading' },
      server: left,
    })),
    ...withAndWithout((error) => ({
      name: 'whose handler returned a stream that is destroyed',
      stage() {
        const passing = new PassThrough();
        return pipe(
          '/body',
          ({ body }) => body.on('error', () => {}).pipe(passing),
          (duplex) => duplex.once('data', () => stopReading(passing, error)),
        );
      },
      client: { ...received, origin: 'stopReading' },
      server: left,
    })),
    ...withAndWithout((error) => ({
      name: 'whose body its handler destroys later',
      stage() {
        let given: Readable | undefined;
        return pipe(
          '/body',
          ({ body }) => {
            given = body;
            return body;
          },
          (duplex) => duplex.once('data', () => given && stopReading(given, error)),
        );
      },
      client: { ...received, origin: 'stopReading' },
      server: left,
    })),
    {
      name: 'whose loop is left',
      stage: () => pipe('/body', asItIs, leaveLoop),
      client: { ...received, origin: 'leaveLoop' },
      server: left,
    },
    {
      name: 'into a stream that fails',
      stage: () =>
        pipe('/body', asItIs, (duplex) => {
          const full = new Writable({
            write: (_chunk, _encoding, callback) => callback(new Error('disk full')),
          });
          return pipeline(duplex, full).catch(() => {});
        }),
      client: { ...received, reason: 'disk full' },
      server: left,
    },
    {
      name: 'whose handler returned a stream that fails',
      stage: () =>
        pipe(
          '/body',
          ({ body }) =>
            body
              .on('error', () => {})
              .pipe(
                new Transform({ transform: (_chunk, _encoding, callback) => callback(new Error('no gzip')) }),
              ),
          (duplex) => duplex.resume(),
        ),
      client: unmarked,
      server: left,
    },
    {
      name: 'whose handler throws',
      stage: () =>
        pipe(
          '/body',
          () => {
            throw new Error('no such codec');
          },
          (duplex) => duplex.resume(),
        ),
      client: { ...unmarked, status: 'error' },
      server: left,
    },
    {
      name: 'destroyed when all of the answer has come',
      stage: () =>
        pipe('/', asItIs, async (duplex) => {
          await server.idle();
          duplex.once('readable', () => setImmediate(stopReading, duplex));
        }),
      client: unmarked,
      server: unmarked,
    },
    {
      name: 'read to its end',
      stage: () => pipe('/', asItIs, (duplex) => duplex.resume()),
      client: unmarked,
      server: unmarked,
    },
  ];
  return cases.map((one) => ({ ...one, name: `${name}: pipeline() ${one.name}` }));
}
