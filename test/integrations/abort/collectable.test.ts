/** Signals are collected as they are without us: in a process of their own, with a garbage collector to call. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { scriptUrl } from '../../support/script.ts';

const index = scriptUrl('../../../src/index.ts', import.meta.url);
const integration = scriptUrl('../../../src/integrations/abort/index.ts', import.meta.url);

/** Runs `body` as a module in which `collected()` counts the signals that are gone; returns what it prints. */
function run(body: string, isWatched = true): unknown {
  const program = `
    import { setTimeout as delay } from 'node:timers/promises';
    import { CancellationInstrumentation } from ${JSON.stringify(index)};
    import { abortIntegration } from ${JSON.stringify(integration)};
    const instrumentation = new CancellationInstrumentation({ enabled: false, integrations: [abortIntegration] });
    if (process.env.WATCHED === '1') instrumentation.enable();
    let collected = 0;
    const registry = new FinalizationRegistry(() => collected++);
    const watch = (signal) => { registry.register(signal); return signal; };
    async function collect(expected) {
      // Finalizers run as tasks of their own, after a collection.
      for (let round = 0; round < 20 && collected < expected; round++) {
        gc();
        await delay(5);
      }
      return collected;
    }
    async function heap() {
      for (let round = 0; round < 3; round++) { gc(); await delay(5); }
      return process.memoryUsage().heapUsed;
    }
    ${body}`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--expose-gc', '--input-type=module', '--eval', program],
    { encoding: 'utf8', env: { ...process.env, WATCHED: isWatched ? '1' : '0' }, timeout: 60_000 },
  );
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

function runBoth(body: string): { without: unknown; with: unknown } {
  return { without: run(body, false), with: run(body) };
}

describe('signals that nobody holds are collected', () => {
  const many: [name: string, make: string][] = [
    ['timeout()', 'AbortSignal.timeout(600_000)'],
    ['any() of a lasting signal', 'AbortSignal.any([lasting.signal])'],
    ['any() of a timeout', 'AbortSignal.any([AbortSignal.timeout(600_000), lasting.signal])'],
    ['any() that was born aborted', 'AbortSignal.any([aborted.signal])'],
    ['an aborted one', '(() => { const c = new AbortController(); c.abort(); return c.signal; })()'],
    [
      'one aborted with a text',
      "(() => { const c = new AbortController(); c.abort('x'); return c.signal; })()",
    ],
    [
      'one aborted with a shared reason',
      '(() => { const c = new AbortController(); c.abort(shared); return c.signal; })()',
    ],
  ];
  // All in one process each: most of the time is that of its start.
  const counts = runBoth(`
    const lasting = new AbortController();
    const aborted = new AbortController();
    aborted.abort('user left');
    const shared = new Error('shared');
    const counts = [];
    async function count(make) {
      collected = 0;
      (() => { for (let i = 0; i < 1000; i++) watch(make()); })();
      counts.push(await collect(1000));
    }
    ${many.map(([, make]) => `await count(() => ${make});`).join('\n')}
    console.log(JSON.stringify(counts));
    process.exit();`) as { without: number[]; with: number[] };
  for (const [index, [name]] of many.entries()) {
    it(`${name}, as many as without us`, () => {
      const [without = Number.NaN, withUs = Number.NaN] = [counts.without[index], counts.with[index]];
      // A frame of the stack or a register may keep the last one or two alive. (Node 22 itself keeps those of a timeout.)
      assert.ok(withUs >= Math.min(without, 990), JSON.stringify(counts));
    });
  }
});

describe('a lasting signal', () => {
  it('that was aborted does not grow with what listens to it', () => {
    const [before, afterwards] = run(`
      const lasting = new AbortController();
      lasting.abort(new Error('user left'));
      const use = () => { for (let i = 0; i < 10_000; i++) AbortSignal.any([lasting.signal]); };
      use();
      const before = await heap();
      for (let round = 0; round < 5; round++) { use(); await heap(); }
      console.log(JSON.stringify([before, await heap()]));`) as [number, number];
    assert.ok(afterwards - before < 500_000, `heap grew from ${before} to ${afterwards}`);
  });

  it('keeps the object alive that called abort() no longer than itself', () => {
    const collected = run(`
      class Request { body = new Array(1000).fill(1); constructor() { watch(this); } stop(c) { c.abort('user left'); } }
      let controllers = [];
      (() => {
        for (let i = 0; i < 200; i++) {
          const controller = new AbortController();
          controllers.push(controller);
          new Request().stop(controller);
        }
      })();
      controllers = undefined;
      console.log(await collect(200));
      process.exit();`);
    assert.ok(Number(collected) >= 190, `${collected} of 200`);
  });
});
