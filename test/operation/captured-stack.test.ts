import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { CapturedStack } from '../../src/operation/captured-stack.ts';

function captured(maxFrames: number): CapturedStack {
  return new CapturedStack(captured, maxFrames);
}

function deep(depth: number, maxFrames: number): CapturedStack {
  return depth === 0 ? captured(maxFrames) : deep(depth - 1, maxFrames);
}

const frames = (stack: CapturedStack) => stack.stack.split('\n').filter((line) => /^ {4}at /.test(line));

describe('a captured stack', () => {
  const prepareStackTrace = Object.getOwnPropertyDescriptor(Error, 'prepareStackTrace');
  const { stackTraceLimit } = Error;
  afterEach(() => {
    if (prepareStackTrace === undefined) Reflect.deleteProperty(Error, 'prepareStackTrace');
    else Object.defineProperty(Error, 'prepareStackTrace', prepareStackTrace);
    Error.stackTraceLimit = stackTraceLimit;
  });

  it('starts with the caller of the function it is taken above', () => {
    function caller(): CapturedStack {
      return captured(5);
    }
    const [first] = frames(caller());
    assert.match(first ?? '', /at caller \(/);
  });

  it('has as many frames as are wanted, whatever Error.stackTraceLimit says, and leaves that as it was', () => {
    for (const limit of [0, 1, 100]) {
      Error.stackTraceLimit = limit;
      assert.equal(frames(deep(60, 50)).length, 50);
      assert.equal(frames(deep(60, 1)).length, 1);
      assert.equal(Error.stackTraceLimit, limit);
    }
  });

  it('is not formatted until it is read', () => {
    let prepared = 0;
    Error.prepareStackTrace = () => {
      prepared++;
      return 'text';
    };
    const stack = captured(5);
    assert.equal(prepared, 0);
    assert.equal(stack.stack, 'text');
    assert.equal(prepared, 1);
  });

  it('leaves Error.stackTraceLimit as it was: deleted, odd, or a getter that throws', () => {
    for (const limit of [Number.NaN, Number.POSITIVE_INFINITY, -1, 'ten' as unknown as number]) {
      Error.stackTraceLimit = limit;
      captured(50);
      assert.equal(Error.stackTraceLimit, limit);
    }
    Reflect.deleteProperty(Error, 'stackTraceLimit');
    assert.ok(frames(captured(50)).length > 0);
    assert.ok(!Object.hasOwn(Error, 'stackTraceLimit'));
    const fail = (): never => {
      throw new Error('no limit');
    };
    Object.defineProperty(Error, 'stackTraceLimit', { get: fail, set: fail, configurable: true });
    try {
      captured(50);
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', { value: 10, writable: true, configurable: true });
    }
  });

  it('is empty when Error.captureStackTrace throws or is gone, and the limit is as it was', () => {
    const { captureStackTrace } = Error;
    const fail = (): never => {
      throw new Error('no stacks');
    };
    try {
      for (const other of [fail, undefined]) {
        Error.captureStackTrace = other as typeof captureStackTrace;
        assert.equal(captured(50).stack, '');
        assert.equal(Error.stackTraceLimit, stackTraceLimit);
      }
    } finally {
      Error.captureStackTrace = captureStackTrace;
    }
  });

  it('can be taken when Error.stackTraceLimit cannot be set', () => {
    Object.defineProperty(Error, 'stackTraceLimit', { writable: false });
    try {
      assert.ok(frames(captured(50)).length > 0);
    } finally {
      Object.defineProperty(Error, 'stackTraceLimit', { writable: true });
    }
  });
});
