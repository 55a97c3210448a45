/** docs/eslint.md: what it says of each rule, and its examples, which are run. */
import { readPage } from '../docs/pages.ts';

const sections = readPage('docs/eslint.md').split(/^## /m);

function sectionOf(rule: string): string {
  const section = sections.find((each) => each.startsWith(`${rule}\n`));
  if (section === undefined) throw new Error(`docs/eslint.md has no section ${rule}`);
  return section;
}

/** The first paragraph. */
export function describedIn(rule: string): string {
  return sectionOf(rule).split('\n\n')[1]?.replaceAll('\n', ' ') ?? '';
}

export interface Examples {
  readonly wrong: readonly string[];
  readonly right: readonly string[];
}

/** Each block of code is one example; `Wrong:` or `Right:` stands on a line before it. */
export function examplesOf(rule: string, language: 'js' | 'ts'): Examples {
  const examples = { wrong: [] as string[], right: [] as string[] };
  const block = RegExp(
    String.raw`^(Wrong|Right)\b[^\n]*:\n\n\x60\x60\x60${language}\n(.*?)^\x60\x60\x60`,
    'gms',
  );
  for (const [, verdict, code = ''] of sectionOf(rule).matchAll(block))
    examples[verdict === 'Wrong' ? 'wrong' : 'right'].push(code);
  return examples;
}
