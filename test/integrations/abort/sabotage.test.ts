/** Each of our functions for signals fails in turn: what is aborted is, with its reason, and whoever listens hears it once. */
import assert from 'node:assert/strict';
import { EventEmitter, getEventListeners, on, once } from 'node:events';
import { register } from 'node:module';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

// Before anything of ours is loaded.
register('../../support/sabotage-loader.mjs', import.meta.url);
const { sabotageSuite } = await import('../../support/sabotage.ts');
const { Telemetry } = await import('../../support/telemetry.ts');

const telemetry = new Telemetry('alone');

/** What is heard of the signal, by the time that it is aborted. */
function heard(signal: AbortSignal): string[] {
  const seen: string[] = [];
  signal.addEventListener('abort', ({ type, isTrusted }) => seen.push(`${type}, ${isTrusted}`));
  signal.onabort = () => seen.push('onabort');
  return seen;
}

const HEARD = ['abort, true', 'onabort'];

const stages: Readonly<Record<string, () => unknown>> = {
  'abort() with a reason': () => {
    const controller = new AbortController();
    const seen = heard(controller.signal);
    const reason = new Error('user left');
    controller.abort(reason);
    controller.abort('again');
    assert.equal(controller.signal.reason, reason);
    assert.deepEqual(seen, HEARD);
  },
  'abort() without one': () => {
    const controller = new AbortController();
    controller.abort();
    assert.equal(controller.signal.reason.name, 'AbortError');
    assert.throws(() => controller.signal.throwIfAborted(), { name: 'AbortError' });
  },
  'AbortSignal.abort()': () => assert.equal(AbortSignal.abort('early').reason, 'early'),
  'AbortSignal.timeout()': async () => {
    const signal = AbortSignal.timeout(5);
    const seen = heard(signal);
    await once(signal, 'abort');
    assert.equal(signal.reason.name, 'TimeoutError');
    assert.deepEqual(seen, HEARD);
  },
  'AbortSignal.any()': () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const either = AbortSignal.any([one.signal, two.signal]);
    const seen = heard(either);
    two.abort('second');
    assert.equal(either.reason, 'second');
    assert.deepEqual(seen, HEARD);
    assert.equal(AbortSignal.any([two.signal]).aborted, true);
  },
  'abort() within abort()': () => {
    const [outer, inner] = [new AbortController(), new AbortController()];
    outer.signal.addEventListener('abort', () => inner.abort(outer.signal.reason));
    outer.abort('both');
    assert.equal(inner.signal.reason, 'both');
  },
  'a timer that a signal ends': async () => {
    const controller = new AbortController();
    const over = delay(5_000, undefined, { signal: controller.signal });
    controller.abort('enough');
    await assert.rejects(over, { name: 'AbortError', cause: 'enough' });
    assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  },
  'a loop that is left': async () => {
    const emitter = new EventEmitter();
    const controller = new AbortController();
    setTimeout(() => emitter.emit('item', 1), 1);
    for await (const [item] of on(emitter, 'item', { signal: controller.signal })) {
      assert.equal(item, 1);
      break;
    }
    assert.equal(emitter.listenerCount('item'), 0);
    const stream = Readable.from(['one', 'two']);
    for await (const chunk of stream) {
      assert.equal(chunk, 'one');
      break;
    }
    assert.equal(stream.destroyed, true);
  },
};

const cases = Object.entries(stages).map(([name, stage]) => ({ name, stage: async () => stage() }));
sabotageSuite(
  'AbortController and AbortSignal',
  telemetry,
  { cases, close: async () => {} },
  { least: 10, hook: 'integrations/abort/index:watchAbort>#1' },
);
