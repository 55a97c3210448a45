/** One fault of a server, one verdict that says so; and none of a server that has none. */
import { after, describe, it } from 'node:test';
import { assertVerdicts, verdictsOf } from './ask.ts';
import { type Faults, type Rules, type Served, serve } from './servers.ts';

const HTTP = ['--deadline-header', 'timeout-ms', '--callback-param', 'callback', '--hold', '900'];
const GRPC = ['--method', 'some.Service/Method', '--callback-header', 'x-callback', '--hold', '900'];

const servers: Served[] = [];
after(() => {
  for (const server of servers) server.crash();
});

async function address(protocol: 'http1' | 'http2' | 'grpc', rules: Rules): Promise<string> {
  const server = await serve(protocol, rules);
  servers.push(server);
  return `http://127.0.0.1:${server.port}/`;
}

const ONE: Readonly<Record<string, string>> = {
  missing: 'not asked: needs --enforced',
};
const HTTP1: Readonly<Record<string, string>> = {
  ...ONE,
  'leave.wire': 'cannot be told: over HTTP/1.1',
  'leave.connection': 'not asked: over HTTP/1.1',
};

const wrong = (header: string, told: string): Record<string, string> =>
  Object.fromEntries(
    ['malformed', 'negative', 'too-many-digits', 'empty'].map((kind) => [`wrong.${header}.${kind}`, told]),
  );

const FAULTS: readonly [
  title: string,
  faults: Faults,
  http: Record<string, string>,
  grpc: Record<string, string>,
][] = [
  ['none', {}, {}, {}],
  ['none, that ignores what it cannot read', { wrong: 'ignore' }, {}, {}],
  [
    'goes on for a client that has left',
    { ignoresCancel: true },
    { 'leave.downstream': 'fail: what it had called was still waited for' },
    { 'leave.downstream': 'fail: what it had called was still waited for' },
  ],
  [
    'begins something for a client that has left',
    { ignoresCancel: true, callsAgain: true },
    { 'leave.downstream': 'fail: called the callback server 1,' },
    // Long enough for a second.
    { 'leave.downstream': 'fail: called the callback server 1,', 'limit.grpc-timeout.S': '' },
  ],
  [
    'does not keep a limit',
    { ignoresDeadline: true },
    { 'limit.timeout-ms': 'its full work' },
    {
      'limit.grpc-timeout.n': 'its full work',
      'limit.grpc-timeout.u': 'its full work',
      'limit.grpc-timeout.m': 'its full work',
    },
  ],
  [
    'answers 500 when the limit has passed',
    { answersLateWith: 500 },
    { 'limit.timeout-ms': 'fail: 500 after ' },
    {
      'limit.grpc-timeout.n': 'fail: UNKNOWN after',
      'limit.grpc-timeout.u': 'fail: UNKNOWN after',
      'limit.grpc-timeout.m': 'fail: UNKNOWN after',
    },
  ],
  [
    'passes on the full limit',
    { passesOn: 'full' },
    { 'limit.timeout-ms.passed-on': 'the full limit' },
    { 'limit.grpc-timeout.passed-on': 'the full limit' },
  ],
  [
    'passes on more than is left',
    { passesOn: 'more' },
    { 'limit.timeout-ms.passed-on': 'more than was left' },
    { 'limit.grpc-timeout.passed-on': 'more than was left' },
  ],
  [
    'passes on a limit of its own',
    { passesOn: 'own' },
    { 'limit.timeout-ms.passed-on': 'more than was left' },
    { 'limit.grpc-timeout.passed-on': 'more than was left' },
  ],
  [
    'passes on no limit',
    { passesOn: 'nothing' },
    { 'limit.timeout-ms.passed-on': 'fail: called the callback server without a limit' },
    { 'limit.grpc-timeout.passed-on': 'fail: called the callback server without a limit' },
  ],
  [
    'hangs on a limit that it cannot read',
    { wrong: 'hang' },
    wrong('timeout-ms', 'it hangs'),
    wrong('grpc-timeout', 'it hangs'),
  ],
  [
    'answers 500 to a limit that it cannot read',
    { wrong: 'fail' },
    wrong('timeout-ms', 'fail: 500 after'),
    wrong('grpc-timeout', 'fail: UNKNOWN after'),
  ],
  [
    'closes the connection over a limit that it cannot read',
    { wrong: 'close' },
    wrong('timeout-ms', 'fail: the connection was closed without an answer'),
    wrong('grpc-timeout', 'fail: the connection was closed without an answer'),
  ],
  [
    'takes what it cannot read for no time at all',
    { wrong: 'cut' },
    { ...wrong('timeout-ms', 'taken for a limit'), 'wrong.timeout-ms.negative': '' },
    { ...wrong('grpc-timeout', 'taken for a limit'), 'wrong.grpc-timeout.negative': '' },
  ],
];

const without = (told: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(told).filter(([, text]) => text !== ''));

describe('a server whose fault is:', { concurrency: 8 }, () => {
  for (const [title, faults, http, grpc] of FAULTS) {
    it(`${title} (HTTP/1.1)`, async () => {
      assertVerdicts(await verdictsOf(await address('http1', faults), ...HTTP), {
        ...HTTP1,
        ...without(http),
      });
    });
    it(`${title} (h2c)`, async () => {
      const told = await verdictsOf(await address('http2', faults), '--http2', ...HTTP);
      assertVerdicts(told, { ...ONE, ...without(http) });
    });
    it(`${title} (gRPC)`, async () => {
      const told = await verdictsOf(await address('grpc', faults), ...GRPC);
      const second = { 'limit.grpc-timeout.S': 'cannot be told: the operation takes' };
      assertVerdicts(told, without({ ...ONE, ...second, ...grpc }));
    });
  }
});
