import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { describeReason, isAbortError, isErrorLike, isTimeoutError } from '../../src/cancellation/reason.ts';

class PaymentError extends Error {
  override readonly name = 'PaymentError';
}

class Unnamed extends Error {}

function abortError(cause?: unknown): Error {
  return Object.assign(new Error('The operation was aborted'), {
    name: 'AbortError',
    code: 'ABORT_ERR',
    cause,
  });
}

function throwing(): never {
  throw new Error('hostile');
}

const everyTrap = Object.fromEntries(
  Object.getOwnPropertyNames(Reflect).map((trap) => [trap, throwing]),
) as ProxyHandler<object>;

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** Values that throw wherever one touches them. */
const hostile: [name: string, value: unknown, expected: string][] = [
  ['an object whose toString() throws', { toString: throwing }, '[object Object]'],
  ['an object without prototype', Object.create(null), '[object Object]'],
  [
    'an object whose toString() returns an object',
    { toString: () => ({}), valueOf: () => ({}) },
    '[object Object]',
  ],
  [
    'an error whose message throws',
    Object.defineProperty(new Error(), 'message', { get: throwing }),
    '[object Error]',
  ],
  [
    'an error whose name throws',
    Object.defineProperty(new Error('x'), 'name', { get: throwing }),
    '[object Error]',
  ],
  [
    'an error whose cause throws',
    Object.defineProperty(abortError(), 'cause', { get: throwing }),
    '[object Error]',
  ],
  ['an error whose message is a symbol', Object.assign(new Error(), { message: Symbol('m') }), 'Symbol(m)'],
  [
    'an error whose message has no text',
    Object.assign(new Error(), { message: Object.create(null) }),
    '[object Error]',
  ],
  ['a proxy whose traps all throw', new Proxy({}, everyTrap), 'object'],
  ['a callable proxy whose traps all throw', new Proxy(() => {}, everyTrap), 'function'],
  ['a revoked proxy', revoked(), 'object'],
  [
    'a toStringTag that throws',
    {
      toString: throwing,
      get [Symbol.toStringTag]() {
        return throwing();
      },
    },
    'object',
  ],
];

describe('describeReason', () => {
  const cases: [value: unknown, expected: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['user left', 'user left'],
    [null, undefined],
    [0, '0'],
    [-0, '0'],
    [Number.NaN, 'NaN'],
    [12n, '12'],
    [false, 'false'],
    [Symbol('stop'), 'Symbol(stop)'],
    [{ code: 1 }, '[object Object]'],
    [{ toString: () => 'told' }, 'told'],
    [['a', 'b'], 'a,b'],
    [new Error('enough'), 'enough'],
    [new Error(), undefined],
    [new Unnamed('enough'), 'enough'],
    [new TypeError('enough'), 'TypeError: enough'],
    [new TypeError(), 'TypeError'],
    [new PaymentError('card refused'), 'PaymentError: card refused'],
    [new DOMException('This operation was aborted', 'AbortError'), 'AbortError: This operation was aborted'],
    [new DOMException('late', 'TimeoutError'), 'TimeoutError: late'],
    [{ name: 'Error', message: 'from another realm' }, 'from another realm'],
    [new Error('outer', { cause: new Error('inner') }), 'outer'],
  ];
  for (const [value, expected] of cases) {
    it(`says ${inspect(expected)} of ${inspect(value).split('\n')[0]}`, () => {
      assert.equal(describeReason(value), expected);
    });
  }

  it("says of Node's AbortError what the application gave as its reason", () => {
    assert.equal(describeReason(abortError('user left')), 'user left');
    assert.equal(describeReason(abortError(new PaymentError('card refused'))), 'PaymentError: card refused');
    assert.equal(describeReason(abortError(abortError('two deep'))), 'two deep');
  });

  it('says of an AbortError without a telling cause what it says itself', () => {
    for (const cause of [undefined, null, '', new Error()]) {
      assert.equal(describeReason(abortError(cause)), 'AbortError: The operation was aborted');
    }
  });

  it('survives errors that are the cause of each other', () => {
    const itself = abortError();
    itself.cause = itself;
    assert.equal(describeReason(itself), 'AbortError: The operation was aborted');
    const first = abortError();
    first.cause = abortError(first);
    assert.equal(describeReason(first), 'AbortError: The operation was aborted');
  });

  for (const [name, value, expected] of hostile) {
    it(`says ${expected} of ${name}`, () => {
      assert.equal(describeReason(value), expected);
    });
  }

  it('keeps 256 characters and cuts 257', () => {
    assert.equal(describeReason('x'.repeat(256)), 'x'.repeat(256));
    assert.equal(describeReason('x'.repeat(257)), `${'x'.repeat(255)}…`);
    assert.equal(describeReason(new Error('x'.repeat(100_000))), `${'x'.repeat(255)}…`);
  });
});

describe('isTimeoutError', () => {
  const timeout = new DOMException('late', 'TimeoutError');
  const yes: [string, unknown][] = [
    ['a TimeoutError', timeout],
    ['an error named TimeoutError', Object.assign(new Error(), { name: 'TimeoutError' })],
    ['ETIMEDOUT', Object.assign(new Error(), { code: 'ETIMEDOUT' })],
    ["a server's request timeout", Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })],
    ["axios' timeout", Object.assign(new Error('timeout of 5ms exceeded'), { code: 'ECONNABORTED' })],
    ['one as the cause', new Error('failed', { cause: timeout })],
    ['one as the cause, 8th in the chain', nested(7, timeout)],
  ];
  for (const [name, value] of yes) it(`is true of ${name}`, () => assert.equal(isTimeoutError(value), true));

  const loop = new Error('loop');
  loop.cause = new Error('other', { cause: loop });
  const no: [string, unknown][] = [
    ['undefined', undefined],
    ['null', null],
    ['a string', 'TimeoutError'],
    ['a plain error', new Error('timeout')],
    ['an abort', abortError('x')],
    ["axios' other aborts", Object.assign(new Error('Request aborted'), { code: 'ECONNABORTED' })],
    ['a connection that broke', Object.assign(new Error(), { code: 'ECONNRESET' })],
    ['errors that are the cause of each other', loop],
    ['a cause that is no error', new Error('x', { cause: 'TimeoutError' })],
    ['one as the cause, 9th in the chain', nested(8, timeout)],
  ];
  for (const [name, value] of no) it(`is false of ${name}`, () => assert.equal(isTimeoutError(value), false));
  for (const [name, value] of hostile)
    it(`is false of ${name}`, () => assert.equal(isTimeoutError(value), false));
});

describe('isAbortError and isErrorLike', () => {
  it('know an error by its name and message, from whatever realm', () => {
    assert.equal(isAbortError(new DOMException('x', 'AbortError')), true);
    assert.equal(isAbortError(abortError()), true);
    assert.equal(isAbortError(new Error('AbortError')), false);
    assert.equal(isErrorLike({ name: 'E', message: '' }), true);
    for (const value of [undefined, null, 'x', 1, {}, { message: '' }, () => {}])
      assert.equal(isErrorLike(value), false);
  });

  it('do not throw', () => {
    for (const [, value] of hostile) {
      isErrorLike(value);
      isAbortError(value);
    }
  });
});

function nested(depth: number, innermost: unknown): unknown {
  let error = innermost;
  for (let level = 0; level < depth; level++) error = new Error('wrapped', { cause: error });
  return error;
}
