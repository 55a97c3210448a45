/** What the documentation points at is there. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { pages, readPage as read, root } from './pages.ts';

/** Targets of `[text](target)` in the prose, without those on the web. */
function linksIn(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/^ {4}.*$/gm, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? '')
    .filter((target) => !/^https?:/.test(target));
}

/** As GitHub makes them of headings. */
function anchorsIn(text: string): string[] {
  return [...text.matchAll(/^#+ +(.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The rows of the table below this heading, without its head. */
function rowsBelow(heading: string): string[] {
  const [, section = ''] = read('README.md').split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  return text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| |'));
}

describe('the documentation', () => {
  for (const page of pages) {
    it(`${page} links to what exists`, () => {
      for (const link of linksIn(read(page))) {
        const [path = '', anchor] = link.split('#');
        const target = path === '' ? page : join(dirname(page), path);
        assert.ok(existsSync(join(root, target)), `${page} links to ${link}`);
        if (anchor !== undefined) assert.ok(anchorsIn(read(target)).includes(anchor), `${page}: #${anchor}`);
      }
    });
  }

  for (const heading of ['What is recorded', 'Where it works']) {
    it(`every row of "${heading}" links to its tests`, () => {
      const rows = rowsBelow(heading);
      assert.ok(rows.length > 5, 'there is a table');
      for (const row of rows) {
        assert.ok(
          linksIn(row).some((link) => link.startsWith('test/')),
          row,
        );
      }
    });
  }
});
