/** The rules in the first and the newest ESLint that they are for, with the types of typescript-eslint. */
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { RuleTester } from 'eslint';
import { rules } from '../../src/eslint.ts';
import { allCases } from '../eslint/all-cases.ts';
import type { Cases } from '../eslint/cases.ts';
import { examplesOf } from '../eslint/page.ts';
import { installedTools } from './support/cache.ts';

const tools: readonly (readonly string[])[] = [
  ['eslint@9.0.0', 'typescript-eslint@8.0.0', 'typescript@5.5.4'],
  ['eslint@10.15.0', 'typescript-eslint@8.74.0', 'typescript@6.0.3'],
];
const typedFolder = fileURLToPath(new URL('../eslint/typed', import.meta.url));

for (const packages of tools) {
  const load = createRequire(join(installedTools('eslint', packages), 'index.js'));
  const { RuleTester: Tester, Linter } = load('eslint') as typeof import('eslint');
  Tester.describe = describe;
  Tester.it = it;
  const typed = {
    parser: load('typescript-eslint').parser,
    parserOptions: {
      project: './tsconfig.json',
      tsconfigRootDir: typedFolder,
      // With CI in the environment it would read the file once, and judge each case by that.
      disallowAutomaticSingleRunInference: true,
    },
  };
  const filename = join(typedFolder, 'case.ts');

  describe(packages.join(', '), () => {
    for (const { rule, js, ts } of allCases) {
      const module = rules[rule];
      assert.ok(module);
      const { right, wrong } = examplesOf(rule, 'ts');
      new Tester().run(rule, module, tested(js));
      const ofTypes = { valid: [...(ts?.valid ?? []), ...right], invalid: ts?.invalid ?? [] };
      if (ofTypes.valid.length + ofTypes.invalid.length > 0)
        new Tester({ languageOptions: typed }).run(`${rule}, typed`, module, tested(ofTypes, filename));

      for (const code of wrong) {
        it(`${rule} finds what is wrong in ${code}`, () => {
          const found = new Linter({ cwd: typedFolder }).verify(
            code,
            [
              {
                files: ['**/*.ts'],
                languageOptions: typed,
                plugins: { cancellation: { rules: { ...rules } } },
                rules: { [`cancellation/${rule}`]: 'error' },
              },
            ],
            filename,
          );
          assert.ok(found.length > 0 && found.every(({ ruleId }) => ruleId !== null), found[0]?.message);
        });
      }
    }
  });
}

interface Tested {
  readonly valid: RuleTester.ValidTestCase[];
  readonly invalid: RuleTester.InvalidTestCase[];
}

function tested({ valid, invalid }: Cases, filename?: string): Tested {
  const at = filename === undefined ? {} : { filename };
  return {
    valid: valid.map((each) => ({ ...at, ...(typeof each === 'string' ? { code: each } : each) })),
    invalid: invalid.map((each) => ({ ...at, ...each })),
  };
}
