/** The same program in a process without us and in one with us: the application has to see the same. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import fc from 'fast-check';
import { scriptFile } from '../support/script.ts';
import { type Program, programs } from './program.ts';

/** A program that does not end the same way each time without us tells nothing: so often it is run again when it differs. */
const REPEATS = 3;

/** What the other process has. */
export type Changed = 'instrumented' | 'tampered';

class Worker {
  readonly #child: ChildProcess;
  readonly #died: Promise<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.#died = once(child, 'exit').then(([code, signal]) => `DIED ${code} ${signal}`);
  }

  static async start(kind: 'plain' | Changed): Promise<Worker> {
    const child = fork(scriptFile('./worker.ts', import.meta.url), [kind], { execArgv: [] });
    const worker = new Worker(child);
    const answer = await worker.#answer();
    assert.equal(answer, 'ready', `the ${kind} process`);
    return worker;
  }

  run(program: Program): Promise<unknown> {
    this.#child.send(program);
    return this.#answer();
  }

  async #answer(): Promise<unknown> {
    const left = new AbortController();
    const answered = once(this.#child, 'message', left).then(([answer]) => answer as unknown);
    answered.catch(() => {});
    const answer = await Promise.race([answered, this.#died]);
    left.abort();
    return answer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await ended;
    clearTimeout(timer);
  }
}

export interface Fuzzed {
  /** Programs that ended in more than one way without us, and were left out. */
  readonly uncertain: number;
}

/**
 * @param numRuns how many programs
 * @throws what differs, of the smallest program that was found, with its seed and path
 */
export async function compareRandomPrograms(
  numRuns: number,
  seed: number,
  path?: string,
  changed: Changed = 'instrumented',
): Promise<Fuzzed> {
  const plain = await Worker.start('plain');
  const instrumented = await Worker.start(changed);
  let uncertain = 0;
  try {
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const expected = await plain.run(program);
        const actual = await instrumented.run(program);
        if (isSame(actual, expected)) return;
        const known = [expected];
        for (let repeat = 0; repeat < REPEATS; repeat++) {
          known.push(await plain.run(program));
          const again = await instrumented.run(program);
          if (known.some((one) => isSame(again, one))) {
            uncertain++;
            return;
          }
        }
        if (known.some((one) => known.some((other) => !isSame(one, other)))) uncertain++;
        else assert.deepEqual(actual, expected);
      }),
      { numRuns, seed, ...(path !== undefined && { path }), endOnFailure: false },
    );
  } finally {
    await Promise.all([plain.stop(), instrumented.stop()]);
  }
  return { uncertain };
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
