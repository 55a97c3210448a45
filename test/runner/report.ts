/** What the runner says: how far it is, every failure whole, and a summary that names what was left out. */
import type { Ended, Run } from './pool.ts';

/** So many tests are named for each reason, the others are counted. */
const maxNamed = 6;

export class Report {
  readonly #total: number;
  /** Whether each test gets a line. */
  readonly #isDetailed: boolean;
  readonly #isTerminal: boolean = process.stdout.isTTY;
  readonly #startedAt = performance.now();
  readonly #running = new Set<Run>();
  #ended: Ended[] = [];
  #triedAgain: readonly Ended[] = [];

  constructor(total: number, isDetailed: boolean) {
    this.#total = total;
    this.#isDetailed = isDetailed;
  }

  get hasFailed(): boolean {
    return this.#ended.some(hasFailed);
  }

  started(run: Run): void {
    this.#running.add(run);
    this.#showProgress();
  }

  ended(ended: Ended): void {
    for (const run of this.#running)
      if (run.file === ended.file && run.setup === ended.setup) this.#running.delete(run);
    this.#ended.push(ended);
    const count = `${this.#ended.length}/${this.#total}`;
    const seconds = `${(ended.durationMs / 1_000).toFixed(1)} s`;
    const line = `${hasFailed(ended) ? 'FAILED' : 'ok'} ${count} ${titleOf(ended)} (${testsIn(ended).length}, ${seconds})`;
    if (!this.#isTerminal || this.#isDetailed || hasFailed(ended)) this.#say(line);
    if (this.#isDetailed) for (const text of linesOfTests(ended)) this.#say(text);
    for (const remark of ended.remarks) this.#say(indented(remark));
    this.#showProgress();
  }

  /** Those that failed, to be run once more: what they come to then counts. */
  takeFailed(): readonly Run[] {
    this.#triedAgain = this.#ended.filter(hasFailed);
    this.#ended = this.#ended.filter((ended) => !hasFailed(ended));
    for (const ended of this.#triedAgain) this.#say(failuresOf(ended));
    return this.#triedAgain.map(({ file, setup, program }) => ({ file, setup, program }));
  }

  /** @param leftOut lines about what this command does not run */
  finish(leftOut: readonly string[]): void {
    if (this.#isTerminal) process.stdout.write('\r\x1b[K');
    for (const ended of this.#ended.filter(hasFailed)) this.#say(failuresOf(ended));
    const tests = this.#ended.flatMap(testsIn);
    for (const ended of this.#triedAgain) this.#say(`Failed at first, and was run again: ${titleOf(ended)}`);
    for (const line of [...this.#leftOutTests(), ...leftOut]) this.#say(line);
    const skipped = tests.filter((test) => test.leftOut !== undefined).length;
    // What failed outside of any test counts as one.
    const failed = this.#ended.flatMap(
      ({ tests, failure }) => tests.filter((test) => test.failure).length + (failure === undefined ? 0 : 1),
    );
    const fail = failed.reduce((sum, count) => sum + count, 0);
    const pass = tests.filter((test) => !test.failure && test.leftOut === undefined).length;
    this.#say(
      [
        `# tests ${pass + fail + skipped}`,
        `# pass ${pass}`,
        `# fail ${fail}`,
        `# skipped ${skipped}`,
        `# files ${this.#ended.length}`,
        `# duration_ms ${Math.round(performance.now() - this.#startedAt)}`,
      ].join('\n'),
    );
  }

  #leftOutTests(): string[] {
    const reasons = new Map<string, string[]>();
    for (const { leftOut, names } of this.#ended.flatMap(({ tests }) => tests))
      if (leftOut !== undefined) reasons.set(leftOut, [...(reasons.get(leftOut) ?? []), names.at(-1) ?? '']);
    return [...reasons].map(([reason, names]) => {
      const named = [...new Set(names)].slice(0, maxNamed).join('; ');
      return `Left out, ${names.length} (${reason}): ${named}${names.length > maxNamed ? '; …' : ''}`;
    });
  }

  #showProgress(): void {
    if (!this.#isTerminal) return;
    const running = [...this.#running].map(titleOf).join(', ');
    const failed = this.#ended.filter(hasFailed).length;
    const line = `${this.#ended.length}/${this.#total} files, ${failed} failed; running: ${running}`;
    process.stdout.write(`\r\x1b[K${line.slice(0, (process.stdout.columns || 80) - 1)}`);
  }

  #say(text: string): void {
    process.stdout.write(`${this.#isTerminal ? '\r\x1b[K' : ''}${text}\n`);
  }
}

function hasFailed({ tests, failure }: Ended): boolean {
  return failure !== undefined || tests.some((test) => test.failure !== undefined);
}

/** Without the suites, which only hold them together. */
function testsIn({ tests }: Ended): Ended['tests'] {
  return tests.filter((test) => !test.isSuite || test.failure !== undefined);
}

function titleOf({ file, setup }: Run): string {
  return setup === 'alone' ? file : `${file}, ${setup}`;
}

function linesOfTests(ended: Ended): string[] {
  return testsIn(ended).map(({ names, durationMs, failure, leftOut }) => {
    const mark = failure !== undefined ? 'FAILED' : leftOut !== undefined ? 'left out' : 'ok';
    return `  ${mark}: ${names.join(' > ')} (${Math.round(durationMs)} ms)`;
  });
}

function failuresOf(ended: Ended): string {
  const failed = ended.tests.filter((test) => test.failure !== undefined);
  return [
    `\nFAILED ${titleOf(ended)}${ended.failure === undefined ? '' : `: ${ended.failure}`}`,
    ...failed.map(({ names, failure = '' }) => `\n  ${names.join(' > ')}\n${indented(failure)}`),
    ...ended.remarks.map((remark) => `\n${indented(remark)}`),
    ...(ended.output === '' ? [] : [`\n  It wrote:\n${indented(ended.output.trimEnd())}`]),
    '',
  ].join('\n');
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '    ');
}
