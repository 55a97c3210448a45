/**
 * Makes one function of ours after the other fail, while an application runs that must not notice. The functions are
 * not listed: each that a case reaches is taken, and sabotage-loader.mjs has put a call of `sabotage()` into it.
 */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContractSubject } from './contract.ts';
import type { Telemetry } from './telemetry.ts';

/** What is ours may come after what it is about: its timers are due every 10 ms. */
const AFTERMATH_MS = 15;
const LIMIT_MS = 10_000;
/** So many, and an integration is switched off. */
const FAULTS = 10;

declare global {
  /** Called at the beginning of every function of ours. */
  var sabotage: ((id: string) => void) | undefined;
}

/**
 * What stands in the place of a function of somebody else's without the help of `hook/observe.ts`, and what it calls the
 * application by: apart from functions that are taken by themselves there is nothing in them to fail. By file and name.
 */
const IN_PLACE: readonly string[] = [
  'telemetry/recorder:run',
  'telemetry/beginnings:run',
  'telemetry/beginnings:call',
  'integrations/grpc/server-hooks:handle',
  'integrations/grpc/own-answer:patchedCallback',
  'integrations/http/client-hooks:addRequest',
  'integrations/http/event-context:emit',
  'integrations/http/response-hooks:emit',
  'integrations/http/server-hooks:callErrorListener',
  'integrations/http/server-hooks:callListener',
  'integrations/http2/client-hooks:request',
  'integrations/http2/server-hooks:callStreamListener',
  'integrations/http2/server-hooks:callRequestListener',
  'integrations/http2/deadline:whilePassing',
  'integrations/http2/server-hooks:emit',
  'integrations/http2/connection-hooks:emit',
  'integrations/http2/connection-hooks:emitNow',
  'integrations/http2/stream-events:emit',
  'integrations/http2/stream-events:emitNow',
  'integrations/http2/stream-events:emitInContext',
  'integrations/abort/loops:replacement',
  'integrations/abort/loops:callOriginal',
  'integrations/bullmq/worker-hooks:replacement',
  'integrations/mysql2/killer:answered',
  'integrations/mysql2/pass-on:over',
  'integrations/mysql2/connection:open',
  'integrations/mysql2/connection:execute',
  'integrations/mysql2/connection:stateName',
  'integrations/pg/cancel-request:letGo',
  'integrations/pg/cancel-request:nothing',
  'integrations/pg/connection-hooks:replacement',
  'integrations/pg/connection-hooks:proceed',
  'integrations/undici/client-hooks:nothing',
  'integrations/undici/client-hooks:publish',
  'integrations/undici/client-hooks:publishOnce',
  'integrations/undici/dispatcher-making:construct',
  'integrations/undici/fetch-hooks:fetch',
];

const reached = new Set<string>();
let target: string | undefined;
let failures = 0;

globalThis.sabotage = (id) => {
  reached.add(id);
  if (id !== target) return;
  failures++;
  throw new Error(`sabotage of ${id}`);
};

export interface SabotageOptions {
  /** By file and name; the others are left to the suites of other libraries. @default all */
  readonly functions?: RegExp;
  /** So many functions have to be reached. @default 50 */
  readonly least?: number;
  /** A hook that each of the cases reaches: it fails until its integration is switched off. @default that is not looked at */
  readonly hook?: string;
}

export function sabotageSuite(
  title: string,
  telemetry: Telemetry,
  { cases, close }: ContractSubject,
  { functions = /./, least = 50, hook }: SabotageOptions = {},
): void {
  const done = new Set<string>();

  describe(`${title}: whatever of ours fails, the application does not notice`, () => {
    after(close);
    for (const { name, stage, only } of cases) {
      if (only?.includes(telemetry.setup) === false) continue;
      it(name, async () => {
        reached.clear();
        await play(stage);
        for (const id of [...reached]) {
          if (done.has(id) || isInPlace(id) || !functions.test(id)) continue;
          done.add(id);
          await sabotaged(id, stage);
        }
      });
    }

    it('some did fail', () => {
      assert.ok(done.size >= least, `${done.size} functions`);
    });

    if (hook === undefined) return;
    it('off after ten failures, which is said once', async () => {
      switchOn();
      const on = telemetry.instrumentation.instruments.length;
      target = hook;
      for (let round = 0; failures < FAULTS; round++) {
        assert.ok(round < FAULTS, `${failures} failures of ${hook}`);
        await play(cases[0]?.stage ?? assert.fail());
      }
      await play(cases[0]?.stage ?? assert.fail());
      target = undefined;
      assert.equal(failures, FAULTS);
      const said = telemetry.diagnostics.join('\n');
      assert.equal(said.match(/the application is not affected/g)?.length, 1, said);
      assert.equal(said.match(/switched itself off after 10 failures/g)?.length, 1, said);
      assert.equal(telemetry.instrumentation.instruments.length, on - 1);
      switchOn();
    });
  });

  /** Too many faults switch an integration off. */
  function switchOn(): void {
    telemetry.instrumentation.disable();
    telemetry.instrumentation.enable();
    telemetry.reset();
    failures = 0;
  }

  async function sabotaged(id: string, stage: () => Promise<unknown>): Promise<void> {
    switchOn();
    const uncaught: unknown[] = [];
    target = id;
    process.setUncaughtExceptionCaptureCallback((error) => uncaught.push(error));
    try {
      await play(stage);
    } catch (error) {
      throw new Error(`while ${id} failed: ${String(error)}`, { cause: error });
    } finally {
      target = undefined;
      process.setUncaughtExceptionCaptureCallback(null);
    }
    assert.deepEqual(uncaught, [], `while ${id} failed`);
    if (failures === 0 || UNTOLD.test(id)) return;
    assert.match(
      telemetry.diagnostics.join('\n'),
      /the application is not affected/,
      `told that ${id} failed`,
    );
  }
}

/** Where a fault is provided for; where it is in the hands of a propagator; and where only the first of all is told. */
const UNTOLD =
  /^(?:cancellation\/|telemetry\/|operation\/clock:|integrations\/\w+\/(?:propagation|request-headers|express-route):)/;

function isInPlace(id: string): boolean {
  return IN_PLACE.includes(id.replace(/:.*>/, ':'));
}

async function play(stage: () => Promise<unknown>): Promise<void> {
  const limit = new AbortController();
  const tooLong = sleep(LIMIT_MS, undefined, { signal: limit.signal }).then(() => {
    throw new Error(`the case did not end within ${LIMIT_MS} ms`);
  });
  tooLong.catch(() => {});
  try {
    await Promise.race([stage(), tooLong]);
    await sleep(AFTERMATH_MS);
  } finally {
    limit.abort();
  }
}
