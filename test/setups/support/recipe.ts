/** A recipe of docs/set-ups.md, read out of it: what stands there is what is tested. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { SetupFolder, type SetupOptions } from './setup-folder.ts';
import { root } from './tarball.ts';

export interface Recipe {
  /** `npm install …`, in their order. */
  readonly installs: readonly string[];
  /** By the names in the comment on their first line. */
  readonly files: ReadonlyMap<string, string>;
  /** All other commands, in their order. */
  readonly runs: readonly string[];
}

const text = readFileSync(join(root, 'docs/set-ups.md'), 'utf8');

/** @param title of its section */
export function recipe(title: string): Recipe {
  const section = text.split(/^## /m).find((one) => one.startsWith(`${title}\n`));
  assert.ok(section, `docs/set-ups.md has no section "${title}"`);
  const installs: string[] = [];
  const runs: string[] = [];
  const files = new Map<string, string>();
  for (const [, language, block] of section.matchAll(/^```(\w+)\n(.*?)^```/gms)) {
    assert.ok(block);
    if (language === 'sh') {
      for (const line of block.trim().split('\n'))
        (line.startsWith('npm install ') ? installs : runs).push(line);
    } else {
      const name = /^\/\/ (\S+)\n/.exec(block)?.[1];
      assert.ok(name, `the first line of a block in "${title}" names its file`);
      files.set(name, block);
    }
  }
  return { installs, files, runs };
}

export interface FollowedRecipe extends Recipe {
  readonly folder: SetupFolder;
  /**
   * Writes its files, and installs what it installs.
   * @param before lines to install first
   */
  install(...before: readonly string[]): Promise<void>;
}

/** A recipe in a fresh folder, which is removed after the tests of this `describe`. */
export function follow(title: string, options: SetupOptions): FollowedRecipe {
  const folder = new SetupFolder(options);
  after(() => folder.remove());
  const { installs, files, runs } = recipe(title);
  return {
    folder,
    installs,
    files,
    runs,
    async install(...before) {
      for (const [name, content] of files) folder.write(name, content);
      for (const line of [...before, ...installs]) await folder.install(line);
    },
  };
}
