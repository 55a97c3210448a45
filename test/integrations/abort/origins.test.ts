/** Who aborted a signal, as an operation that listens to it is told. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import type { SignalStory } from '../../../src/cancellation/abort-origins.ts';
import { originOf } from '../../../src/cancellation/origin.ts';
import { CancellationInstrumentation, type Host, type Integration } from '../../../src/index.ts';
import { abortIntegration } from '../../../src/integrations/abort/index.ts';

const hosts: Host[] = [];
const spy: Integration = {
  name: 'spy',
  install(host) {
    hosts.push(host);
    return () => {};
  },
};
const instrumentation = new CancellationInstrumentation({
  enabled: false,
  integrations: [abortIntegration, spy],
});

const host = (): Host => hosts.at(-1) as Host;
const explain = (signal: AbortSignal): SignalStory => host().abortOrigins.explain(signal, signal.reason);
/** V8 of different versions says what the listener of an event was called on, or what that inherits from. */
const functionIn = (story: SignalStory | undefined): string | undefined =>
  originOf(story?.stack)?.frame?.functionName.replace(/^(?:EventTarget|AbortSignal)\./, '');

/** What is explained when the signal is already aborted, and what inside of its own 'abort' event. */
function told(signal: AbortSignal, abort: () => void): { during: SignalStory; after: SignalStory } {
  let during: SignalStory | undefined;
  signal.addEventListener('abort', () => {
    during = explain(signal);
  });
  abort();
  assert.ok(during, 'there was an abort event');
  return { during, after: explain(signal) };
}

function toldBy(signal: AbortSignal, abort: () => void, functionName: string, isTimeout = false): void {
  const { during, after } = told(signal, abort);
  for (const [when, story] of Object.entries({ during, after })) {
    assert.equal(functionIn(story), functionName, when);
    assert.equal(story.isTimeout, isTimeout, when);
    assert.equal(story.reason, signal.reason, when);
  }
}

describe('the origin of an abort', () => {
  before(() => instrumentation.enable());
  after(() => instrumentation.disable());

  const reasons: [name: string, reason: unknown][] = [
    ['no reason', undefined],
    ['a text', 'user left'],
    ['null', null],
    ['a number', 7],
    ['a symbol', Symbol('stop')],
    ['an object', {}],
    ['an Error', new Error('made elsewhere')],
    ['a proxy', new Proxy({}, {})],
  ];
  for (const [name, reason] of reasons) {
    it(`is the caller of abort() with ${name}`, () => {
      const controller = new AbortController();
      function leaveShop(): void {
        controller.abort(reason);
      }
      toldBy(controller.signal, leaveShop, 'leaveShop');
    });
  }

  it('is the caller of abort() without an argument, and the reason is the default one', () => {
    const controller = new AbortController();
    function leaveShop(): void {
      controller.abort();
    }
    toldBy(controller.signal, leaveShop, 'leaveShop');
    assert.equal(controller.signal.reason.name, 'AbortError');
  });

  it('shows the helpers that abort() was called through', () => {
    const controller = new AbortController();
    function leaveShop(): void {
      cancelOrder();
    }
    function cancelOrder(): void {
      stop(controller);
    }
    function stop(which: AbortController): void {
      which.abort('user left');
    }
    toldBy(controller.signal, leaveShop, 'stop');
    const { stacktrace } = originOf(explain(controller.signal).stack) ?? {};
    assert.match(stacktrace ?? '', /at stop .*\n.*at cancelOrder .*\n.*at leaveShop /);
  });

  it('is a timeout when the reason is a TimeoutError', () => {
    const controller = new AbortController();
    function giveUp(): void {
      controller.abort(new DOMException('late', 'TimeoutError'));
    }
    toldBy(controller.signal, giveUp, 'giveUp', true);
  });

  it('is the caller of the first abort(), not of a later one', () => {
    const controller = new AbortController();
    function first(): void {
      controller.abort('first');
    }
    function second(): void {
      controller.abort('second');
    }
    first();
    second();
    assert.equal(functionIn(explain(controller.signal)), 'first');
    assert.equal(explain(controller.signal).reason, 'first');
  });

  it('is found for a subclass of AbortController', () => {
    class Cancellable extends AbortController {
      leave(): void {
        this.abort('user left');
      }
    }
    const controller = new Cancellable();
    toldBy(controller.signal, () => controller.leave(), 'Cancellable.leave');
  });

  it('is found long after the abort', async () => {
    const controller = new AbortController();
    function leaveShop(): void {
      controller.abort('user left');
    }
    leaveShop();
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(functionIn(explain(controller.signal)), 'leaveShop');
  });

  for (const [name, reason] of [
    ['a text', 'user left'],
    ['an Error', new Error('made elsewhere')],
    ['no reason'],
  ]) {
    it(`is found through any() and nested any(), with ${name}`, () => {
      const controller = new AbortController();
      const other = new AbortController();
      function leaveShop(): void {
        controller.abort(reason);
      }
      const inner = AbortSignal.any([other.signal, controller.signal]);
      const outer = AbortSignal.any([inner, new AbortController().signal]);
      const seen: (string | undefined)[] = [];
      for (const signal of [inner, outer]) {
        signal.addEventListener('abort', () => seen.push(functionIn(explain(signal))));
      }
      leaveShop();
      assert.deepEqual(seen, ['leaveShop', 'leaveShop']);
      assert.equal(functionIn(explain(inner)), 'leaveShop');
      assert.equal(functionIn(explain(outer)), 'leaveShop');
    });

    it(`is found through an any() that was born aborted, with ${name}`, () => {
      const controller = new AbortController();
      function leaveShop(): void {
        controller.abort(reason);
      }
      leaveShop();
      const born = AbortSignal.any([new AbortController().signal, controller.signal]);
      assert.equal(born.aborted, true);
      assert.equal(functionIn(explain(born)), 'leaveShop');
      assert.equal(functionIn(explain(AbortSignal.any([born]))), 'leaveShop');
    });
  }

  it('is that of the source that aborted an any(), not of one that was aborted later', () => {
    const [early, late] = [new AbortController(), new AbortController()];
    const composite = AbortSignal.any([late.signal, early.signal]);
    function abortEarly(): void {
      early.abort('early');
    }
    function abortLate(): void {
      late.abort('late');
    }
    abortEarly();
    // Node 24 looks at the sources only when it is asked, and then at the first that is aborted by now.
    assert.equal(composite.reason, 'early');
    abortLate();
    assert.equal(composite.reason, 'early');
    assert.equal(functionIn(explain(composite)), 'abortEarly');
  });

  it('is that of the inner abort() where the listener of one aborts another', () => {
    const [outer, inner] = [new AbortController(), new AbortController()];
    function passOn(): void {
      inner.abort(outer.signal.reason);
    }
    outer.signal.addEventListener('abort', passOn);
    function leaveShop(): void {
      outer.abort(new Error('user left'));
    }
    toldBy(inner.signal, leaveShop, 'passOn');
    assert.match(originOf(explain(inner.signal).stack)?.stacktrace ?? '', /passOn [\s\S]*at leaveShop /);
    assert.equal(functionIn(explain(outer.signal)), 'leaveShop');
  });

  it('is where a timeout signal was made', async () => {
    function limit(): AbortSignal {
      return AbortSignal.timeout(1);
    }
    const signal = limit();
    const keepAlive = setTimeout(() => {}, 5_000);
    await once(signal, 'abort');
    clearTimeout(keepAlive);
    const story = explain(signal);
    assert.equal(functionIn(story), 'limit');
    assert.equal(story.isTimeout, true);
    assert.equal((story.reason as Error).name, 'TimeoutError');
    const born = explain(AbortSignal.any([signal]));
    assert.equal(functionIn(born), 'limit');
    assert.equal(born.isTimeout, true);
  });

  it('is where a timeout signal was made, through any()', async () => {
    function limit(): AbortSignal {
      return AbortSignal.timeout(1);
    }
    const composite = AbortSignal.any([new AbortController().signal, AbortSignal.any([limit()])]);
    const keepAlive = setTimeout(() => {}, 5_000);
    await once(composite, 'abort');
    clearTimeout(keepAlive);
    assert.equal(functionIn(explain(composite)), 'limit');
    assert.equal(explain(composite).isTimeout, true);
  });

  it('is not the timeout where an abort() came before it', () => {
    const controller = new AbortController();
    const composite = AbortSignal.any([AbortSignal.timeout(60_000), controller.signal]);
    function leaveShop(): void {
      controller.abort('user left');
    }
    toldBy(composite, leaveShop, 'leaveShop');
  });

  it('is in the reason of a signal that was born aborted by AbortSignal.abort()', () => {
    function born(): AbortSignal {
      return AbortSignal.abort();
    }
    assert.equal(functionIn(explain(born())), 'born');
    assert.equal(explain(AbortSignal.abort('text')).stack, undefined);
  });

  it('is in the reason where the signal is not known, such as in an AbortError', () => {
    const controller = new AbortController();
    const reason = { text: 'user left' };
    function leaveShop(): void {
      controller.abort(reason);
    }
    leaveShop();
    assert.equal(functionIn(host().abortOrigins.explain(undefined, reason)), 'leaveShop');
    assert.equal(host().abortOrigins.explain(undefined, 'text').stack, undefined);
  });
});

describe('the time limit of a signal', () => {
  before(() => instrumentation.enable());
  after(() => instrumentation.disable());

  it('is that of AbortSignal.timeout(), on the clock of performance.now()', () => {
    const before = performance.now();
    const limit = host().abortOrigins.limitOf(AbortSignal.timeout(60_000));
    assert.ok(limit && limit.atMs >= before + 60_000 && limit.atMs <= performance.now() + 60_000);
    assert.ok(limit.stack);
  });

  it('is the earliest of the signals that any() was given', () => {
    const composite = AbortSignal.any([
      AbortSignal.timeout(90_000),
      AbortSignal.any([AbortSignal.timeout(30_000), new AbortController().signal]),
      AbortSignal.timeout(60_000),
    ]);
    const limit = host().abortOrigins.limitOf(composite);
    assert.ok(limit && limit.atMs < performance.now() + 31_000);
  });

  it('is none for any other signal', () => {
    assert.equal(host().abortOrigins.limitOf(new AbortController().signal), undefined);
    assert.equal(host().abortOrigins.limitOf(AbortSignal.any([])), undefined);
  });
});

describe('while the instrumentation is off', () => {
  it('an abort is explained by its reason alone', () => {
    const controller = new AbortController();
    function leaveShop(): void {
      controller.abort();
    }
    leaveShop();
    assert.equal(functionIn(explain(controller.signal)), 'leaveShop');
    const other = new AbortController();
    other.abort('user left');
    assert.equal(explain(other.signal).stack, undefined);
    assert.equal(explain(AbortSignal.timeout(60_000)).stack, undefined);
  });
});
