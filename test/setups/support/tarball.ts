/** This package as npm packs it. Made once in a run: `npm run test:setups` says in a variable where it is. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ownName = 'opentelemetry-instrumentation-cancellation';
export const root: string = fileURLToPath(new URL('../../../', import.meta.url));

/** Its path. The folder is new each time: package managers keep what they once read from a path. */
export function ownTarball(): string {
  process.env.PACKED_TARBALL ??= pack();
  return process.env.PACKED_TARBALL;
}

function pack(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cancellation-tarball-')));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // Without scripts: the one that builds would remove dist/ under what runs beside this.
  const stdout = execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], {
    cwd: root,
    encoding: 'utf8',
  });
  return join(folder, stdout.trim());
}
