/** In what a report can be written. */
import { type Arguments, type Command, suggestionFor, UsageError } from '../arguments.ts';
import { writeHtml } from './html.ts';
import { writeJson } from './json.ts';
import { writeMarkdown } from './markdown.ts';
import { writeSarif } from './sarif.ts';
import type { Report } from './summary.ts';
import { writeText } from './text.ts';

/** A report, and what it fails for. */
export interface Judged {
  readonly report: Report;
  readonly failures: readonly string[];
  /** Ids of findings that the baseline has. Undefined: there is none. */
  readonly known: ReadonlySet<string> | undefined;
}

export type Write = (judged: Judged) => string | Promise<string>;

/** By their names, with the endings of their files. */
const FORMATS: Readonly<Record<string, { readonly endings: readonly string[]; readonly write: Write }>> = {
  text: { endings: ['.txt', '.text'], write: writeText },
  json: { endings: ['.json'], write: writeJson },
  markdown: { endings: ['.md', '.markdown'], write: writeMarkdown },
  html: { endings: ['.html', '.htm'], write: writeHtml },
  sarif: { endings: ['.sarif', '.sarif.json'], write: writeSarif },
};

export const FORMAT_OPTIONS: Command['options'] = {
  format: { type: 'string' },
  output: { type: 'string' },
  json: { type: 'boolean' },
};

export const FORMAT_USAGE: string = `  --format NAME    ${Object.keys(FORMATS).join(', ')} (default text, or by the ending of the file)
  --output FILES   writes it to a file instead, or to several, in one go: report.html,report.sarif
  --json           the same as --format json
`;

/** Where a report goes, and in what. */
export interface Destination {
  /** Undefined: standard output. */
  readonly file: string | undefined;
  readonly write: Write;
}

/** @throws {UsageError} */
export function destinationsIn({ values, flags }: Arguments): Destination[] {
  const named = flags.has('json') ? 'json' : values.get('format');
  if (named !== undefined && FORMATS[named] === undefined)
    throw new UsageError(`--format: no format ${named}${suggestionFor(named, Object.keys(FORMATS))}`);
  const files = values.get('output')?.split(',') ?? [undefined];
  return files.map((file) => {
    const { write } = FORMATS[named ?? formatOf(file)] as (typeof FORMATS)[string];
    return { file, write };
  });
}

function formatOf(file: string | undefined): string {
  if (file === undefined) return 'text';
  // The longest: one may be the end of another.
  const endings = Object.entries(FORMATS)
    .flatMap(([name, { endings: all }]) => all.map((ending) => ({ name, ending })))
    .sort((a, b) => b.ending.length - a.ending.length);
  const found = endings.find(({ ending }) => file.toLowerCase().endsWith(ending));
  if (found !== undefined) return found.name;
  throw new UsageError(
    `--output ${file}: name a --format, or end it in ${endings.map(({ ending }) => ending).join(', ')}`,
  );
}
