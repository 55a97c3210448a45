/** Where a command writes what it has to tell, and in which format. */
import { writeFile } from 'node:fs/promises';
import { UserError } from '../../spans/user-error.ts';
import { type Arguments, type Command, suggestionFor, UsageError } from '../arguments.ts';

/** By their names. */
export type Formats<Told> = Readonly<Record<string, Format<Told>>>;

export interface Format<Told> {
  /** Of files in it. */
  readonly endings: readonly string[];
  readonly write: (told: Told) => string | Promise<string>;
}

export const FORMAT_OPTIONS: Command['options'] = {
  format: { type: 'string' },
  output: { type: 'string' },
  json: { type: 'boolean' },
};

export function formatUsage(formats: Formats<never>): string {
  return `  --format NAME    ${Object.keys(formats).join(', ')} (default text, or by the ending of the file)
  --output FILES   writes it to a file instead, or to several, in one go: report.md,report.sarif
  --json           the same as --format json
`;
}

export interface Destination<Told> {
  /** Undefined: standard output. */
  readonly file: string | undefined;
  readonly write: Format<Told>['write'];
}

/** @throws {UsageError} */
export function destinationsIn<Told>(
  { values, flags }: Arguments,
  formats: Formats<Told>,
): Destination<Told>[] {
  const named = flags.has('json') ? 'json' : values.get('format');
  if (named !== undefined && formats[named] === undefined)
    throw new UsageError(`--format: no format ${named}${suggestionFor(named, Object.keys(formats))}`);
  const files = values.get('output')?.split(',') ?? [undefined];
  return files.map((file) => {
    const { write } = formats[named ?? formatOf(file, formats)] as Format<Told>;
    return { file, write };
  });
}

function formatOf(file: string | undefined, formats: Formats<never>): string {
  if (file === undefined) return 'text';
  // The longest: one may be the end of another.
  const endings = Object.entries(formats)
    .flatMap(([name, { endings: all }]) => all.map((ending) => ({ name, ending })))
    .sort((a, b) => b.ending.length - a.ending.length);
  const found = endings.find(({ ending }) => file.toLowerCase().endsWith(ending));
  if (found !== undefined) return found.name;
  throw new UsageError(
    `--output ${file}: name a --format, or end it in ${endings.map(({ ending }) => ending).join(', ')}`,
  );
}

/** @returns what goes to standard output */
export async function writeTo<Told extends { readonly failures: readonly string[] }>(
  destinations: readonly Destination<Told>[],
  told: Told,
): Promise<string> {
  let text = '';
  for (const { file, write } of destinations) {
    if (file === undefined) text += await write(told);
    else {
      await writeInto(file, await write(told));
      text += `${file}\n`;
    }
  }
  // Who has no text before him is told all the same what it fails for.
  return destinations.every(({ file }) => file !== undefined)
    ? text + told.failures.map((failure) => `! ${failure}\n`).join('')
    : text;
}

/** @throws {UserError} */
export async function writeInto(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw new UserError(`${file}: cannot be written (${(error as NodeJS.ErrnoException).code ?? error})`);
  }
}
