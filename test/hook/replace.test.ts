import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AnyFunction, replaceFunction, undoAll } from '../../src/hook/replace.ts';

const passOn = (original: AnyFunction): AnyFunction =>
  function (this: unknown, ...args: unknown[]) {
    return Reflect.apply(original, this, args);
  };

describe('replaceFunction', () => {
  it('keeps name, length and the property descriptor', () => {
    for (const flags of [
      { writable: true, enumerable: true, configurable: true },
      { writable: false, enumerable: false, configurable: true },
      { writable: true, enumerable: false, configurable: true },
    ]) {
      function original(_a: number, _b: number): void {}
      const target = Object.defineProperty({}, 'method', { value: original, ...flags });
      replaceFunction(target, 'method', passOn);
      const { value, ...rest } = Object.getOwnPropertyDescriptor(target, 'method') ?? {};
      assert.notEqual(value, original);
      assert.deepEqual(rest, flags);
      assert.equal(value.name, 'original');
      assert.equal(value.length, 2);
      assert.deepEqual(
        Object.getOwnPropertyDescriptor(value, 'name'),
        Object.getOwnPropertyDescriptor(original, 'name'),
      );
      assert.deepEqual(
        Object.getOwnPropertyDescriptor(value, 'length'),
        Object.getOwnPropertyDescriptor(original, 'length'),
      );
    }
  });

  it('replaces a method under a symbol', () => {
    const key = Symbol('method');
    const target = { [key]: () => 1 };
    const undo = replaceFunction(target, key, () => () => 2);
    assert.equal(target[key](), 2);
    undo();
    assert.equal(target[key](), 1);
  });

  it('undoes to the exact descriptor it found', () => {
    const target = Object.defineProperty({}, 'method', {
      value: () => 1,
      writable: false,
      enumerable: false,
      configurable: true,
    });
    const before = Object.getOwnPropertyDescriptor(target, 'method');
    const undo = replaceFunction(target, 'method', passOn);
    undo();
    assert.deepEqual(Object.getOwnPropertyDescriptor(target, 'method'), before);
    undo();
    assert.deepEqual(Object.getOwnPropertyDescriptor(target, 'method'), before, 'undone twice');
  });

  it('keeps the order of the properties', () => {
    const target = { a: () => 1, b: () => 2, c: () => 3 };
    const undo = replaceFunction(target, 'b', passOn);
    assert.deepEqual(Object.keys(target), ['a', 'b', 'c']);
    undo();
    assert.deepEqual(Object.keys(target), ['a', 'b', 'c']);
  });

  it('puts an inherited method on the target itself and takes it off again', () => {
    class Base {
      method(): string {
        return 'base';
      }
    }
    class Derived extends Base {}
    class MoreDerived extends Derived {}
    const undo = replaceFunction(
      MoreDerived.prototype,
      'method',
      (original) =>
        function (this: unknown) {
          return `replaced ${Reflect.apply(original, this, [])}`;
        },
    );
    assert.equal(new MoreDerived().method(), 'replaced base');
    assert.equal(new Derived().method(), 'base');
    undo();
    assert.equal(Object.hasOwn(MoreDerived.prototype, 'method'), false);
    assert.equal(new MoreDerived().method(), 'base');
  });

  it('leaves alone what somebody has wrapped on top, and stays in that chain', () => {
    const target = { method: () => 'original' };
    const undo = replaceFunction(target, 'method', (original) => () => `ours(${original()})`);
    const ours = target.method;
    const theirs = () => `theirs(${ours()})`;
    target.method = theirs;
    undo();
    assert.equal(target.method, theirs);
    assert.equal(target.method(), 'theirs(ours(original))');
  });

  it('can be undone in any order', () => {
    const target = { method: () => 'original' };
    const first = replaceFunction(target, 'method', (original) => () => `1(${original()})`);
    const second = replaceFunction(target, 'method', (original) => () => `2(${original()})`);
    assert.equal(target.method(), '2(1(original))');
    first();
    assert.equal(target.method(), '2(1(original))', 'the second is on top of the first');
    second();
    assert.equal(target.method(), '1(original)');
  });

  it('does not copy marks that others leave on a function', () => {
    const method = Object.assign(() => {}, { __wrapped: true });
    const target = { method };
    replaceFunction(target, 'method', passOn);
    assert.equal('__wrapped' in target.method, false);
  });

  for (const [what, target] of [
    ['missing', {}],
    ['no function', { method: 1 }],
    ['an accessor', Object.defineProperty({}, 'method', { get: () => () => {}, configurable: true })],
    ['missing on an object without prototype', Object.create(null)],
  ] as const) {
    it(`refuses a method that is ${what}, and changes nothing`, () => {
      const before = Object.getOwnPropertyDescriptors(target);
      assert.throws(() => replaceFunction(target, 'method', passOn), {
        name: 'TypeError',
        message: 'there is no function method to instrument',
      });
      assert.deepEqual(Object.getOwnPropertyDescriptors(target), before);
    });
  }
});

describe('undoAll', () => {
  it('undoes the last first', () => {
    const undone: number[] = [];
    undoAll([1, 2, 3].map((number) => () => undone.push(number)));
    assert.deepEqual(undone, [3, 2, 1]);
  });
});
