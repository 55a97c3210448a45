/**
 * The entries for `require()`: a file that requires the ES module, so that there is one instance of it, and types that
 * say that it is CommonJS. Those are copies of the others, as TypeScript tells the two by the name of a file.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const ENTRIES = ['eslint', 'index', 'register'];

export function writeCommonJsEntries(root: string): void {
  const dist = join(root, 'dist');
  const files = new Set(ENTRIES);
  // A set goes on to what is added meanwhile.
  for (const file of files) {
    const types = readFileSync(join(dist, `${file}.d.ts`), 'utf8').replaceAll(
      /(?<= from |import\()'(\.[^']*)\.ts'/g,
      (_, path: string) => {
        files.add(join(file, '..', path));
        return `'${path}.cjs'`;
      },
    );
    writeFileSync(join(dist, `${file}.d.cts`), types);
  }
  for (const entry of ENTRIES)
    writeFileSync(join(dist, `${entry}.cjs`), `module.exports = require('./${entry}.js');\n`);
}
