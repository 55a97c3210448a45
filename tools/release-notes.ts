/** `node --import tsx tools/release-notes.ts v1.2.3`: prints what CHANGELOG.md says of that version; fails where it does not agree with package.json. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);

/**
 * @param changelog in the form of Keep a Changelog
 * @param tag such as `v1.2.3`
 * @param version of package.json
 * @returns the section of that version, without its heading
 * @throws Error that says what to do
 */
export function releaseNotes(changelog: string, tag: string, version: string): string {
  if (tag !== `v${version}`)
    throw new Error(`the tag is ${tag}, and package.json has ${version}: run npm version`);
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(`[${version}]`));
  if (section === undefined) {
    throw new Error(
      `CHANGELOG.md has no section [${version}]: rename [Unreleased], and begin a new one above it`,
    );
  }
  const [heading = '', ...lines] = section.split('\n');
  if (!/^\[[^\]]+\] - \d{4}-\d{2}-\d{2}$/.test(heading)) {
    throw new Error(`CHANGELOG.md: "## ${heading}" has to be "## [${version}] - YYYY-MM-DD"`);
  }
  const notes = lines.join('\n').trim();
  if (notes === '') throw new Error(`CHANGELOG.md says nothing of ${version}`);
  return `${notes}\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');
  const { version } = JSON.parse(read('package.json')) as { version: string };
  process.stdout.write(releaseNotes(read('CHANGELOG.md'), process.argv[2] ?? '', version));
}
