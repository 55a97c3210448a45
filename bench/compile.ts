import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/**
 * Compiles the child program, so that the measured processes run plain JavaScript.
 * The output stays outside node_modules: its frames have to look like an application's.
 *
 * @param to a folder of its own, where the program finds what it imports
 * @returns path of the program
 */
export function compileChild(to: string = join(here, '.cache')): string {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  rmSync(to, { recursive: true, force: true });
  const args = [join(typescript, 'bin/tsc'), '-p', join(here, 'tsconfig.json'), '--outDir', to];
  execFileSync(process.execPath, args, { stdio: 'inherit' });
  return join(to, 'child/main.js');
}
