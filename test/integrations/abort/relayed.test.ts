/** What an abort goes back to when it is passed on: by a listener, by a library, by a timer. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { SpanKind } from '@opentelemetry/api';
import { checkSpan, type Expectation } from '../../support/contract.ts';
import { Telemetry } from '../../support/telemetry.ts';
import { closed, event, HttpLab } from '../http/lab.ts';

const telemetry = new Telemetry('alone');
const lab = new HttpLab();

/** Sends a request with a signal of this controller and waits until `abort` has ended it. */
async function cancelled(abort: (controller: AbortController) => void, expected: Expectation): Promise<void> {
  const handled = event();
  const { at } = await lab.serve(() => handled.resolve());
  const controller = new AbortController();
  const end = closed(lab.http.get({ ...at, signal: controller.signal }));
  await handled.promise;
  abort(controller);
  await end;
  await telemetry.allEnded();
  const [span] = telemetry.ended.filter(({ kind }) => kind === SpanKind.CLIENT);
  assert.ok(span);
  checkSpan(span, expected, 'CLIENT');
  assert.deepEqual(telemetry.diagnostics, []);
}

const limitPassed: Expectation = {
  outcome: 'deadline_exceeded',
  initiator: 'local',
  trigger: 'signal_timeout',
  status: 'error',
};
const aborted: Expectation = {
  outcome: 'context.canceled',
  initiator: 'local',
  trigger: 'abort',
  status: 'unset',
};

describe('an abort() that is passed on', () => {
  after(() => lab.close());
  beforeEach(() => telemetry.reset());

  it('from a timeout signal is a matter of that limit', () =>
    cancelled(
      function limit(controller) {
        AbortSignal.timeout(20).addEventListener('abort', () => controller.abort(new Error('too slow')));
      },
      { ...limitPassed, reason: 'too slow', origin: 'limit' },
    ));

  it('from a timeout signal through any() and another controller is a matter of that limit', () =>
    cancelled(
      function limit(controller) {
        const between = new AbortController();
        const any = AbortSignal.any([AbortSignal.timeout(20), new AbortController().signal]);
        any.addEventListener('abort', () => between.abort());
        between.signal.addEventListener('abort', () => controller.abort());
        setTimeout(() => any.aborted, 100); // keeps it from being collected
      },
      { ...limitPassed, origin: 'limit' },
    ));

  it('from another controller is somebody’s decision', () =>
    cancelled(
      function leave(controller) {
        const outer = new AbortController();
        outer.signal.addEventListener('abort', () => controller.abort(outer.signal.reason));
        outer.abort(new Error('user left'));
      },
      { ...aborted, reason: 'user left' },
    ));

  it('by a timer of the application is its decision', () =>
    cancelled(
      (controller) => {
        setTimeout(function leave() {
          controller.abort();
        }, 20);
      },
      { ...aborted, origin: 'leave' },
    ));

  it('with an error that says that a limit passed is a time limit', () =>
    cancelled(
      function limit(controller) {
        controller.abort(Object.assign(new Error('timeout of 5ms exceeded'), { code: 'ETIMEDOUT' }));
      },
      { ...limitPassed, reason: 'timeout of 5ms exceeded', origin: 'limit' },
    ));
});

describe('dispatchEvent() of a signal', () => {
  beforeEach(() => telemetry.reset());

  it('ends as it does without us, whatever it is called on', () => {
    const ours = AbortSignal.prototype.dispatchEvent as (this: unknown, event: unknown) => boolean;
    const native = EventTarget.prototype.dispatchEvent as (this: unknown, event: unknown) => boolean;
    assert.notEqual(ours, native);
    const outcomeOf = (call: () => unknown): unknown => {
      try {
        return call();
      } catch (error) {
        return [(error as Error).name, (error as Error).message];
      }
    };
    const targets = [
      undefined,
      null,
      {},
      Object.create(AbortSignal.prototype),
      new EventTarget(),
      AbortSignal.abort(),
    ];
    for (const target of targets) {
      for (const makeEvent of [() => new Event('abort'), () => undefined]) {
        assert.deepEqual(
          outcomeOf(() => Reflect.apply(ours, target, [makeEvent()])),
          outcomeOf(() => Reflect.apply(native, target, [makeEvent()])),
        );
      }
    }
    assert.deepEqual(telemetry.diagnostics, []);
  });

  it('is that of every EventTarget again after disable()', () => {
    telemetry.instrumentation.disable();
    assert.equal(AbortSignal.prototype.dispatchEvent, EventTarget.prototype.dispatchEvent);
    assert.equal(Object.hasOwn(AbortSignal.prototype, 'dispatchEvent'), false);
    telemetry.instrumentation.enable();
  });
});
