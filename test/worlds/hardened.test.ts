/** Processes that are hardened: what the application sees is the same with us, and its cancels are recorded. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}.cjs`, import.meta.url));
const program = fixture('hardened');
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
  // Faults of ours are told on stderr.
  const env = {
    PATH: process.env.PATH,
    OTEL_TRACES_EXPORTER: 'console',
    OTEL_LOG_LEVEL: 'warn',
    HARDENED: hardened,
    ...variables,
  };
  return promisify(execFile)(process.execPath, ['--no-warnings', ...flags, file], {
    env,
    timeout: 120_000,
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

/** Of the console's exporter: a URL, and a few words. */
const LONGEST_LINE = 8_300;

const CANCELLED = /^ {4}'context\.canceled': true/gm;
const SERVER_SPAN = /^ {2}kind: 1/gm;

/** With how often that is told at least. */
const hostile: [what: string, file: string, told: RegExp, least: number][] = [
  ['HTTP/1.1: reasons and signals', 'hostile', CANCELLED, 150],
  ['HTTP/2 and gRPC: reasons, headers, options, statuses', 'hostile-streams', CANCELLED, 500],
  ['requests that no client sends, and answers that no server sends', 'hostile-requests', SERVER_SPAN, 1_300],
];

describe('a hostile application, or peer: it sees what it sees without us, whatever throws when it is read, is without end, or frozen', () => {
  for (const [what, file, told, least] of hostile) {
    it(what, async () => {
      const [bare, ours] = await Promise.all([
        run([], '', fixture(file)),
        run(['--require', register], '', fixture(file)),
      ]);
      const seen = seenIn(bare.stdout) ?? '';
      assert.ok(JSON.parse(seen.slice('seen '.length)).length > 100, seen);
      assert.deepEqual(linesOf(seenIn(ours.stdout)), linesOf(seen));
      assert.equal(ours.stderr, bare.stderr);
      const count = ours.stdout.match(told)?.length ?? 0;
      assert.ok(count > least, `${count}`);
      // Whatever it was, what is told of it has an end.
      for (const [, text = ''] of ours.stdout.matchAll(/^ .*?(?:'cancel\.reason'|message): (.*)$/gm))
        assert.ok(text.length < 2_000, text);
      const tooLong = ours.stdout
        .split('\n')
        .find((line) => line.startsWith(' ') && line.length > LONGEST_LINE);
      assert.equal(tooLong, undefined);
    });
  }
});

function linesOf(seen = 'seen []'): string[] {
  return JSON.parse(seen.slice('seen '.length)) as string[];
}
