/** Paths as they may stand in an issue: below the working folder, or the user's own. */
import { homedir } from 'node:os';
import { relative, sep } from 'node:path';

export function shown(path: string): string {
  const below = relative(process.cwd(), path);
  if (below === '') return '.';
  if (!below.startsWith('..')) return below;
  const home = homedir();
  return path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
