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
 * @returns path of the program
 */
export function compileChild(): string {
  const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'));
  rmSync(join(here, '.cache'), { recursive: true, force: true });
  execFileSync(process.execPath, [join(typescript, 'bin/tsc'), '-p', join(here, 'tsconfig.json')], {
    stdio: 'inherit',
  });
  return join(here, '.cache/child/main.js');
}
