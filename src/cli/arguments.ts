/** Arguments as a command declares them; what does not fit is said in one line, with what was probably meant. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { UserError } from '../spans/user-error.ts';

/** One about the arguments: the help has more on them. */
export class UsageError extends UserError {}

export interface Command {
  readonly name: string;
  /** In the list of commands. */
  readonly summary: string;
  readonly usage: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** What follows `--` is a program. Of others it is what may begin with a dash. @default false */
  readonly takesProgram?: boolean;
  run(args: Arguments, output: Output): Promise<Result>;
}

/** What a command writes to while it runs. */
export interface Output {
  readonly stdout: Stream;
  readonly stderr: Stream;
}

interface Stream {
  write(text: string): unknown;
  /** Of a terminal. */
  readonly isTTY?: boolean;
}

export interface Result {
  /** Written to stdout at the end. */
  readonly text: string;
  readonly exitCode: number;
}

export interface Arguments {
  readonly positionals: readonly string[];
  /** Of an option that takes a value. */
  readonly values: ReadonlyMap<string, string>;
  /** Options that take none. */
  readonly flags: ReadonlySet<string>;
  /** What follows `--`, as it is. Undefined: there is no `--`. */
  readonly rest: readonly string[] | undefined;
}

/** @throws {UsageError} */
export function readArguments(args: readonly string[], options: Command['options']): Arguments {
  const end = args.indexOf('--');
  const { positionals, tokens } = parseArgs({
    args: end === -1 ? [...args] : args.slice(0, end),
    options,
    allowPositionals: true,
    strict: false, // its own messages do not say what there is instead
    tokens: true,
  });
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const option = options[name];
    if (option === undefined) {
      const known = Object.keys(options).map((other) => `--${other}`);
      throw new UsageError(`unknown option ${rawName}${suggestionFor(rawName, known)}`);
    }
    if (option.type === 'boolean') {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value, but has ${value}`);
      flags.add(name);
    } else {
      const isMissing = value === undefined || value === '' || (!inlineValue && value.startsWith('-'));
      if (isMissing) throw new UsageError(`${rawName} needs a value`);
      values.set(name, value);
    }
  }
  return { positionals, values, flags, rest: end === -1 ? undefined : args.slice(end + 1) };
}

/** ` (did you mean …?)`, or what there is when nothing is near. */
export function suggestionFor(typed: string, known: readonly string[]): string {
  const near = known
    .map((name) => ({ name, distance: editDistance(typed, name) }))
    .filter(({ name, distance }) => distance <= Math.max(2, name.length / 3))
    .sort((a, b) => a.distance - b.distance)[0];
  return near === undefined ? ` (there is ${known.join(', ')})` : ` (did you mean ${near.name}?)`;
}

/** How many characters have to be changed, added or taken away (Levenshtein). */
function editDistance(from: string, to: string): number {
  let distances = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [row, letter] of [...from].entries()) {
    const next = [row + 1];
    for (const [column, other] of [...to].entries()) {
      const changed = (distances[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(changed, (distances[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    distances = next;
  }
  return distances.at(-1) ?? 0;
}
