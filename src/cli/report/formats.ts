/** In what a report can be written. */
import type { Formats } from './destinations.ts';
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

export const FORMATS: Formats<Judged> = {
  text: { endings: ['.txt', '.text'], write: writeText },
  json: { endings: ['.json'], write: writeJson },
  markdown: { endings: ['.md', '.markdown'], write: writeMarkdown },
  html: { endings: ['.html', '.htm'], write: writeHtml },
  sarif: { endings: ['.sarif', '.sarif.json'], write: writeSarif },
};
