import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createInstallation } from '../../src/hook/installation.ts';
import { after, before, during } from '../../src/hook/observe.ts';
import type { AnyFunction } from '../../src/hook/replace.ts';

interface Target {
  method(...args: unknown[]): unknown;
}

function target(original: (this: unknown, ...args: unknown[]) => unknown): Target {
  return { method: original };
}

function barrier() {
  const faults: unknown[] = [];
  return { faults, installation: createInstallation((_message, error) => faults.push(error)) };
}

const ours = new Error('ours');
const fail = (): never => {
  throw ours;
};

for (const [name, put] of Object.entries({ before, after, during })) {
  describe(name, () => {
    it('passes on this and arguments, and returns what the original returns', () => {
      const seen: unknown[] = [];
      const object = target(function (...args) {
        seen.push(this, ...args);
        return 'result';
      });
      put(object, 'method', barrier().installation, () => undefined);
      assert.equal(object.method(1, 2), 'result');
      assert.deepEqual(seen, [object, 1, 2]);
    });

    it('throws what the original throws', () => {
      const theirs = new Error('theirs');
      const object = target(() => {
        throw theirs;
      });
      put(object, 'method', barrier().installation, () => undefined);
      assert.throws(
        () => object.method(),
        (error) => error === theirs,
      );
    });

    it('keeps what ours throws', () => {
      const object = target(() => 'result');
      const { faults, installation } = barrier();
      put(object, 'method', installation, fail);
      assert.equal(object.method(), 'result');
      assert.deepEqual(faults, [ours]);
    });

    it('sees nothing when it is switched off, and after the undo', () => {
      const object = target(() => 'result');
      const { method } = object;
      const { faults, installation } = barrier();
      const undo = put(object, 'method', installation, fail);
      installation.close();
      assert.equal(object.method(), 'result');
      undo();
      assert.equal(object.method, method);
      assert.deepEqual(faults, []);
    });

    it('lets a stack be captured above the replacement', () => {
      const object = target(() => undefined);
      const holder: { stack?: string } = {};
      put(object, 'method', barrier().installation, (...given: unknown[]) => {
        Error.captureStackTrace(holder, given.at(-1) as AnyFunction);
        return undefined;
      });
      (function caller() {
        object.method();
      })();
      assert.match(String(holder.stack).split('\n')[1] ?? '', /at caller /);
    });

    it('is no constructor, and has a prototype property where the original has', () => {
      const object = target(function original() {});
      put(object, 'method', barrier().installation, () => undefined);
      assert.ok(Object.hasOwn(object.method, 'prototype'));
      assert.throws(() => Reflect.construct(object.method, []), { message: /is not a constructor/ });
      const { arrow } = { arrow: () => {} };
      const other = target(arrow);
      put(other, 'method', barrier().installation, () => undefined);
      assert.ok(!Object.hasOwn(other.method, 'prototype'));
    });
  });
}

describe('before', () => {
  it('may replace an argument', () => {
    const object = target((value) => value);
    before(object, 'method', barrier().installation, (_self, args: unknown[]) => {
      args[0] = 'replaced';
    });
    assert.equal(object.method('given'), 'replaced');
  });
});

describe('after', () => {
  it('is given the result', () => {
    const object = target(() => 'result');
    let seen: unknown;
    after(object, 'method', barrier().installation, (_self, _args, result) => {
      seen = result;
    });
    object.method();
    assert.equal(seen, 'result');
  });
});

describe('during', () => {
  it('leaves when the original has returned, with the result', () => {
    const order: unknown[] = [];
    const object = target(() => order.push('original'));
    during(object, 'method', barrier().installation, () => {
      order.push('enter');
      return (result) => order.push('leave', result);
    });
    object.method();
    assert.deepEqual(order, ['enter', 'original', 'leave', 2]);
  });

  it('leaves when the original has thrown, and when it was switched off meanwhile', () => {
    const left: unknown[] = [];
    const { installation } = barrier();
    const object = target(() => {
      installation.close();
      throw new Error('theirs');
    });
    during(object, 'method', installation, () => (result) => left.push(result));
    assert.throws(() => object.method(), { message: 'theirs' });
    assert.deepEqual(left, [undefined]);
  });

  it('keeps what leaving throws', () => {
    const { faults, installation } = barrier();
    const object = target(() => 'result');
    during(object, 'method', installation, () => fail);
    assert.equal(object.method(), 'result');
    assert.deepEqual(faults, [ours]);
  });
});
