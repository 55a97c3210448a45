/** Processes that are hardened: what the application sees is the same with us, and its cancels are recorded. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const hostile = fileURLToPath(new URL('./fixtures/hostile.cjs', import.meta.url));
const program = fileURLToPath(new URL('./fixtures/hardened.cjs', import.meta.url));
const register = fileURLToPath(new URL('../../dist/register.cjs', import.meta.url));

const PERMISSION = ['--permission', '--experimental-permission'].find((flag) =>
  process.allowedNodeEnvironmentFlags.has(flag),
);

async function run(
  flags: readonly string[],
  hardened: string,
  file: string = program,
  variables: NodeJS.ProcessEnv = {},
): Promise<{ stdout: string; stderr: string }> {
  const env = { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: 'console', HARDENED: hardened, ...variables };
  return promisify(execFile)(process.execPath, ['--no-warnings', ...flags, file], {
    env,
    timeout: 60_000,
    maxBuffer: 2 ** 26,
  });
}

const seenIn = (stdout: string): string | undefined => /^seen .*$/m.exec(stdout)?.[0];

/** With whether there is a line to name. */
const processes: [name: string, flags: string[], hardened: string, hasOrigin: boolean][] = [
  ['--frozen-intrinsics', ['--frozen-intrinsics'], '', true],
  ['--disable-proto=delete', ['--disable-proto=delete'], '', true],
  ['--disable-proto=throw', ['--disable-proto=throw'], '', true],
  ['no eval', ['--disallow-code-generation-from-strings'], '', true],
  ['lockdown() of SES', [], 'ses', false],
  ['lockdown() of SES, which leaves stacks alone', [], 'ses-unsafe-errors', true],
  ['Error.stackTraceLimit = 0', [], 'no-stacks', true],
  ['no Error.stackTraceLimit', [], 'no-limit', true],
  ['Error.prepareStackTrace that returns no text', [], 'odd-stacks', true],
  ['Error.stackTraceLimit = Infinity', [], 'endless-stacks', true],
  ['Error.stackTraceLimit = NaN', [], 'nan-stacks', true],
  ['an Error.stackTraceLimit that is no number', [], 'text-limit', true],
  ['an Error.stackTraceLimit that throws', [], 'throwing-limit', false],
  ['Error.prepareStackTrace that throws', [], 'throwing-stacks', true],
  ['Error.prepareStackTrace that returns nothing', [], 'stackless', true],
  ['Error.prepareStackTrace that returns what throws', [], 'stack-of-proxies', true],
  ['no Error.captureStackTrace', [], 'no-capture', true],
  ['frozen prototypes', [], 'frozen-prototypes', true],
  ['a frozen fetch()', [], 'frozen-fetch', true],
  [`${PERMISSION}`, [`${PERMISSION}`, '--allow-fs-read=*'], '', true],
];

describe('hardened processes', () => {
  for (const [name, flags, hardened, hasOrigin] of processes) {
    it(name, async () => {
      const [bare, ours] = await Promise.all([
        run(flags, hardened),
        run([...flags, '--require', register], hardened),
      ]);
      // Node itself takes stacks.
      if (hardened !== 'no-capture')
        assert.equal(seenIn(bare.stdout), 'seen ["ok","AbortError","TimeoutError","left"]');
      assert.equal(seenIn(ours.stdout), seenIn(bare.stdout));
      assert.equal(ours.stderr, bare.stderr);
      const cancelled = ours.stdout.match(/^ {4}(?:'context\.canceled'|deadline_exceeded): true/gm) ?? [];
      assert.equal(cancelled.length, 6); // three, each with both its sides
      assert.equal(/^ {4}'cancel\.origin': /m.test(ours.stdout), hasOrigin);
    });
  }
});

describe('what is frozen before we come', () => {
  it('is not instrumented, and not said to be', async () => {
    const frozen = fileURLToPath(new URL('./fixtures/frozen-abort.cjs', import.meta.url));
    const [bare, ours] = await Promise.all([
      run(['--require', frozen], ''),
      run(['--require', frozen, '--require', register], '', program, { OTEL_LOG_LEVEL: 'info' }),
    ]);
    assert.equal(seenIn(ours.stdout), seenIn(bare.stdout));
    assert.match(ours.stderr, /abort: could not be installed TypeError/);
    const instruments = /instruments (.*?);/.exec(ours.stdout)?.[1]?.split(', ') ?? [];
    assert.equal(instruments.includes('grpc'), true);
    assert.equal(instruments.includes('abort'), false);
  });
});

describe('a hostile application', () => {
  it('sees what it sees without us: reasons and signals that throw whatever is read of them, without end, or frozen', async () => {
    const [bare, ours] = await Promise.all([run([], '', hostile), run(['--require', register], '', hostile)]);
    const seen = seenIn(bare.stdout) ?? '';
    assert.ok(JSON.parse(seen.slice('seen '.length)).length > 100, seen);
    assert.equal(seenIn(ours.stdout), seen);
    assert.equal(ours.stderr, bare.stderr);
    const cancelled = ours.stdout.match(/^ {4}'context\.canceled': true/gm) ?? [];
    assert.ok(cancelled.length > 150, `${cancelled.length}`);
    // Whatever it was, what is told of it has an end.
    for (const [, reason = ''] of ours.stdout.matchAll(/^ {4}'cancel\.reason': (.*)$/gm))
      assert.ok(reason.length < 2_000, reason);
  });
});
