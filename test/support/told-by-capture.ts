/** What the command `capture` tells of a file, run in this process. */
import assert from 'node:assert/strict';
import type { WireExchange } from '../../src/capture/exchange.ts';
import { runCommand } from './command.ts';

/** A line of `--json`. */
export interface Told extends WireExchange {
  readonly sentence?: string;
  readonly facts: readonly { readonly atMs: number; readonly by: string; readonly text: string }[];
  readonly remarks: readonly string[];
}

export async function capture(
  ...args: string[]
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  return await runCommand('capture', ...args);
}

export async function told(...args: string[]): Promise<Told[]> {
  const { exitCode, stdout, stderr } = await capture(...args, '--json');
  assert.equal(exitCode, 0, stderr);
  return toldIn(stdout);
}

export function toldIn(json: string): Told[] {
  return json.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Told]));
}

/** The only one of this target. */
export function of(exchanges: readonly Told[], target: string): Told {
  const found = exchanges.filter((exchange) => exchange.target === target);
  assert.equal(found.length, 1, `${target} among ${exchanges.map((exchange) => exchange.target).join(' ')}`);
  return found[0] as Told;
}

export const says = ({ facts }: Told): string[] => facts.map(({ by, text }) => `${by}: ${text}`);
