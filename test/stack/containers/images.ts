/**
 * Images under the names that a compose file pins, made on this machine since no registry of images can be expected:
 * Debian's smallest system, and in it the programs that the other tests run. Users, entry points and folders are those
 * of the real images as far as a compose file can tell the difference.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { findOrMakeBase } from './base-image.ts';
import type { Engine } from './engine.ts';
import { inNoRegistry, type Recipe, recipes } from './recipes.ts';

export type Images = {
  recipes: ReadonlyMap<string, Recipe>;
  /** Those that nothing can be made for, with the reason. */
  leftOut: ReadonlyMap<string, string>;
};

const baseName = 'for-tests/base';

/** Says what is missing when one that can be made elsewhere cannot be made here. */
export async function findImages(names: Iterable<string>): Promise<Images | { unavailable: string }> {
  const [found, leftOut] = [new Map<string, Recipe>(), new Map<string, string>()];
  for (const name of names) {
    const { repository, tag } = partsOf(name);
    const [reason, find] = [inNoRegistry[repository], recipes[repository]];
    if (reason !== undefined) {
      leftOut.set(name, reason);
      continue;
    }
    if (find === undefined) throw new Error(`${name}: recipes.ts does not say what ${repository} is made of`);
    const recipe = await find(tag);
    if ('unavailable' in recipe) return recipe;
    found.set(name, recipe);
  }
  return { recipes: found, leftOut };
}

export async function makeImages(engine: Engine, images: Images): Promise<void> {
  await engine.docker(['import', await findOrMakeBase(), baseName]);
  for (const [name, recipe] of images.recipes) await make(engine, name, recipe);
}

async function make(engine: Engine, name: string, recipe: Recipe): Promise<void> {
  const context = mkdtempSync('/var/tmp/image-');
  const file = (path: string) => join(context, 'files', path);
  try {
    for (const [path, source] of Object.entries(recipe.files))
      cpSync(source, file(path), { recursive: true, dereference: true });
    for (const [path, text] of Object.entries(recipe.scripts ?? {})) {
      mkdirSync(dirname(file(path)), { recursive: true });
      writeFileSync(file(path), text, { mode: 0o755 });
    }
    const from = recipe.isFromScratch ? 'scratch' : baseName;
    const lines = [`FROM ${from}`, 'COPY files /', ...recipe.instructions];
    writeFileSync(join(context, 'Dockerfile'), lines.join('\n'));
    await engine.docker(['build', '--quiet', '--network', 'none', '--tag', name, context]);
  } finally {
    rmSync(context, { recursive: true });
  }
}

/** Of `docker.io/prom/prometheus:v3.5.0` */
function partsOf(name: string): { repository: string; tag: string } {
  const [, repository, tag] = /^docker\.io\/(?:library\/)?(.+):(.+)$/.exec(name) ?? [];
  if (repository === undefined || tag === undefined)
    throw new Error(`${name} is not of docker.io or has no tag`);
  return { repository, tag };
}
