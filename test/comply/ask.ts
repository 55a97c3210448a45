/** The command, asked as a user does, and its verdicts by what they are about. */
import assert from 'node:assert/strict';
import type { Check } from '../../src/comply/check.ts';
import { runCommand } from '../support/command.ts';

export interface Told {
  readonly exitCode: number;
  readonly text: string;
  readonly stderr: string;
}

export async function run(...args: readonly string[]): Promise<Told> {
  const { exitCode, stdout: text, stderr } = await runCommand('comply', ...args);
  return { exitCode, text, stderr };
}

export interface Verdicts {
  readonly exitCode: number;
  readonly requestCount: number;
  readonly most: number;
  readonly checks: ReadonlyMap<string, Check>;
}

export async function verdictsOf(...args: readonly string[]): Promise<Verdicts> {
  const { exitCode, text, stderr } = await run(...args, '--json');
  assert.equal(stderr, '');
  const { checks, requestCount, most } = JSON.parse(text) as {
    checks: Check[];
    requestCount: number;
    most: number;
  };
  return { exitCode, requestCount, most, checks: new Map(checks.map((check) => [check.id, check])) };
}

/** @param except those that do not pass, by their ids: `fail: a part of what was seen` */
export function assertVerdicts(
  { checks, exitCode }: Verdicts,
  except: Readonly<Record<string, string>>,
): void {
  const others = [...checks.values()].filter(({ verdict }) => verdict !== 'pass');
  const told = others.map(({ id, verdict, seen }) => [id, `${verdict}: ${seen}`]);
  assert.deepEqual(
    told
      .map(([id, text]) => {
        const expected = except[String(id)];
        return [id, expected !== undefined && String(text).includes(expected) ? expected : text];
      })
      .sort(),
    Object.entries(except).sort(),
  );
  const hasFailed = others.some(({ verdict }) => verdict === 'fail');
  assert.equal(exitCode, hasFailed ? 1 : 0);
}
