/** ESLint and the parser of TypeScript that a project has: its code is read as its editors read it. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { ESLint, Linter } from 'eslint';
import { UserError } from '../../spans/user-error.ts';

export interface Tools {
  readonly ESLint: typeof ESLint;
  /** Undefined: TypeScript cannot be read. */
  readonly parser: Linter.Parser | undefined;
  /** Why there is no parser, and what to do. */
  readonly noParser: string;
}

/** The first that has flat configurations, and nothing else. */
const OLDEST_MAJOR = 9;
/** The first has the second, but not within reach of whoever installs it by pnpm. */
const PARSERS = ['typescript-eslint', '@typescript-eslint/parser'];

/** @throws {UserError} when the project has no ESLint that will do */
export function toolsOf(folder: string): Tools {
  const load = createRequire(join(folder, 'package.json'));
  if (!isThere(load, 'eslint'))
    throw new UserError(
      `ESLint is missing, which reads the code: npm install --save-dev eslint, in ${folder} or above`,
    );
  const { ESLint } = load('eslint') as typeof import('eslint');
  if (Number.parseInt(ESLint.version, 10) < OLDEST_MAJOR)
    throw new UserError(
      `ESLint ${ESLint.version} is too old, ${OLDEST_MAJOR} will do: npm install --save-dev eslint@latest`,
    );
  return { ESLint, ...parserOf(load) };
}

function parserOf(load: NodeJS.Require): Pick<Tools, 'parser' | 'noParser'> {
  const name = PARSERS.find((each) => isThere(load, each));
  if (name === undefined) {
    const noParser =
      'typescript-eslint is missing, which reads it: npm install --save-dev typescript-eslint typescript';
    return { parser: undefined, noParser };
  }
  try {
    const loaded = load(name) as Linter.Parser & { readonly parser?: Linter.Parser };
    return { parser: loaded.parser ?? loaded, noParser: '' };
  } catch (error) {
    // As with a TypeScript that it does not know.
    const [reason = ''] = String((error as Error)?.message ?? error).split('\n');
    return { parser: undefined, noParser: `${name} cannot be loaded: ${reason}` };
  }
}

function isThere(load: NodeJS.Require, name: string): boolean {
  try {
    load.resolve(name);
    return true;
  } catch {
    return false;
  }
}
