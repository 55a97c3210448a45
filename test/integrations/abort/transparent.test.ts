/** The application cannot tell the replaced functions from Node's. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { diag } from '@opentelemetry/api';
import { CancellationInstrumentation } from '../../../src/index.ts';
import { abortIntegration } from '../../../src/integrations/abort/index.ts';

const instrumentation = new CancellationInstrumentation({ enabled: false, integrations: [abortIntegration] });
const targets = [
  ['AbortController.prototype.abort', AbortController.prototype, 'abort'],
  ['AbortSignal.timeout', AbortSignal, 'timeout'],
  ['AbortSignal.any', AbortSignal, 'any'],
] as const;

type Method = (this: unknown, ...args: unknown[]) => unknown;

function descriptorOf(target: object, key: string): PropertyDescriptor {
  const descriptor = Object.getOwnPropertyDescriptor(target, key);
  assert.ok(descriptor);
  return descriptor;
}

/** What a call does: its result, or the error as far as an application looks at it. */
function outcomeOf(call: () => unknown): unknown {
  try {
    return { returned: call() };
  } catch (error) {
    const { name, message, code } = error as Error & { code?: unknown };
    return { name, message, code, prototype: Object.getPrototypeOf(error) };
  }
}

const natives = targets.map(([, target, key]) => descriptorOf(target, key));

describe('replaced functions', () => {
  beforeEach(() => instrumentation.enable());
  afterEach(() => instrumentation.disable());

  for (const [index, [name, target, key]] of targets.entries()) {
    const native = natives[index] as PropertyDescriptor;

    it(`${name} is replaced between enable() and disable() and restored exactly`, () => {
      assert.notEqual(descriptorOf(target, key).value, native.value);
      instrumentation.disable();
      assert.deepEqual(descriptorOf(target, key), native);
      assert.equal(descriptorOf(target, key).value, native.value);
    });

    it(`${name} has the same name, length, attributes and own properties`, () => {
      const { value, ...flags } = descriptorOf(target, key);
      const { value: nativeValue, ...nativeFlags } = native;
      assert.deepEqual(flags, nativeFlags);
      assert.equal(value.name, nativeValue.name);
      assert.equal(value.length, nativeValue.length);
      assert.deepEqual(Reflect.ownKeys(value).sort(), Reflect.ownKeys(nativeValue).sort());
      assert.equal('prototype' in value, false);
      assert.equal(Object.getPrototypeOf(value), Function.prototype);
    });

    it(`${name} cannot be called with new`, () => {
      const { value } = descriptorOf(target, key);
      assert.throws(() => Reflect.construct(value, []), TypeError);
      assert.throws(() => Reflect.construct(Object, [], value), TypeError);
    });
  }

  it('leaves the order of the members alone', () => {
    const enabled = [AbortController.prototype, AbortSignal].map((target) => Reflect.ownKeys(target));
    instrumentation.disable();
    assert.deepEqual(
      enabled,
      [AbortController.prototype, AbortSignal].map((target) => Reflect.ownKeys(target)),
    );
  });

  const calls: [name: string, index: number, thisArg: unknown, args: unknown[]][] = [
    ...[undefined, null, {}, Object.create(AbortController.prototype), new AbortController().signal].map(
      (thisArg): [string, number, unknown, unknown[]] => ['abort() on something else', 0, thisArg, []],
    ),
    ['timeout() without a delay', 1, AbortSignal, []],
    ...[-1, 1.5, Number.NaN, '5', null, 2 ** 53, 5n, Symbol('x'), {}].map(
      (delay): [string, number, unknown, unknown[]] => [`timeout(${String(delay)})`, 1, AbortSignal, [delay]],
    ),
    ['any() without signals', 2, AbortSignal, []],
    ...[null, 1, 'signals', {}, [null], [{}], [new AbortController()]].map(
      (signals): [string, number, unknown, unknown[]] => [
        'any() of something else',
        2,
        AbortSignal,
        [signals],
      ],
    ),
  ];
  for (const [name, index, thisArg, args] of calls) {
    it(`${name} ends as it does without us`, () => {
      const [, target, key] = targets[index] as (typeof targets)[number];
      const ours = descriptorOf(target, key).value as Method;
      const native = natives[index]?.value as Method;
      const seen = outcomeOf(() => Reflect.apply(ours, thisArg, args));
      const expected = outcomeOf(() => Reflect.apply(native, thisArg, args));
      if ('returned' in (expected as object)) assert.ok('returned' in (seen as object));
      else assert.deepEqual(seen, expected);
    });
  }

  it('abort() returns what it returned and passes its reason through', () => {
    for (const args of [[], [undefined], [null], ['text'], [0], [new Error('x'), 'more']]) {
      const controller = new AbortController();
      assert.equal((controller.abort as Method).apply(controller, args), undefined);
      const reason: unknown = controller.signal.reason;
      if (args[0] === undefined) assert.equal((reason as Error).name, 'AbortError');
      else assert.equal(reason, args[0]);
    }
  });

  it('statics work on their own and on a subclass, as they did', () => {
    const { timeout, any } = AbortSignal;
    assert.equal(timeout(60_000) instanceof AbortSignal, true);
    assert.equal(any([]).aborted, false);
  });

  it('any() takes every iterable and uses it up once', () => {
    let iterations = 0;
    const signals = {
      *[Symbol.iterator]() {
        iterations++;
        yield AbortSignal.abort('first');
        yield AbortSignal.abort('second');
      },
    };
    const any = AbortSignal.any as (signals: unknown) => AbortSignal;
    const native = outcomeOf(() => Reflect.apply(natives[2]?.value as Method, AbortSignal, [signals]));
    const nativeIterations = iterations;
    iterations = 0;
    const ours = outcomeOf(() => any(signals));
    assert.equal(iterations, nativeIterations);
    assert.equal('returned' in (ours as object), 'returned' in (native as object));
  });

  it('events, listeners and the order in which they run are the same', () => {
    const controller = new AbortController();
    const seen: string[] = [];
    controller.signal.onabort = (event) => seen.push(`onabort ${event.type} ${event.isTrusted}`);
    controller.signal.addEventListener('abort', () => seen.push('first'));
    controller.signal.addEventListener('abort', () => seen.push('second'), { once: true });
    controller.abort();
    controller.abort();
    assert.deepEqual(seen, ['onabort abort true', 'first', 'second']);
  });

  it('does not look at a signal property that a subclass has replaced', () => {
    let reads = 0;
    class Watched extends AbortController {
      override get signal(): AbortSignal {
        reads++;
        return super.signal;
      }
    }
    const controller = new Watched();
    controller.abort();
    assert.equal(reads, 0);
    assert.equal(controller.signal.aborted, true);
  });

  it('works behind somebody who wraps it, also after disable()', () => {
    const ours = AbortController.prototype.abort;
    let calls = 0;
    AbortController.prototype.abort = function abort(this: AbortController, ...args: [unknown?]) {
      calls++;
      return ours.apply(this, args);
    };
    const theirs = AbortController.prototype.abort;
    try {
      instrumentation.disable();
      assert.equal(AbortController.prototype.abort, theirs);
      const controller = new AbortController();
      controller.abort('text');
      assert.equal(controller.signal.reason, 'text');
      assert.equal(calls, 1);
    } finally {
      Object.defineProperty(AbortController.prototype, 'abort', natives[0] as PropertyDescriptor);
    }
  });

  it('a fault of ours does not reach the application', () => {
    const reports: string[] = [];
    const report = (message: string): number => reports.push(message);
    diag.setLogger({ error: report, warn: report, info() {}, debug() {}, verbose() {} });
    // Nobody else in here uses it: what Node does with signals is out of reach.
    const { set } = WeakMap.prototype;
    WeakMap.prototype.set = () => {
      throw new Error('not here');
    };
    try {
      for (let call = 0; call < 12; call++) {
        const controller = new AbortController();
        controller.abort('text');
        assert.equal(controller.signal.reason, 'text');
        assert.equal(AbortSignal.timeout(60_000).aborted, false);
      }
    } finally {
      WeakMap.prototype.set = set;
      diag.disable();
    }
    assert.equal(reports.filter((message) => message.includes('abort: a hook failed')).length, 1);
    assert.equal(reports.filter((message) => message.includes('abort: switched itself off')).length, 1);
  });
});
