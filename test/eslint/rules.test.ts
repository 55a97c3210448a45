/** Every rule by ESLint's own tester, on JavaScript: its cases, and the examples of docs/eslint.md. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Linter, RuleTester } from 'eslint';
import { configs, rules } from '../../src/eslint.ts';
import { allCases } from './all-cases.ts';
import { describedIn, examplesOf } from './page.ts';

RuleTester.describe = describe;
RuleTester.it = it;
const tester = new RuleTester();

for (const [name, rule] of Object.entries(rules)) {
  const cases = allCases.find((each) => each.rule === name);
  const { right, wrong } = examplesOf(name, 'js');

  tester.run(name, rule, {
    valid: [...(cases?.js.valid ?? []), ...right],
    invalid: [...(cases?.js.invalid ?? [])],
  });

  describe(`${name} in docs/eslint.md`, () => {
    it('finds what is wrong in each example that is', () => {
      assert.ok(wrong.length > 0 && right.length > 0);
      for (const code of wrong) {
        const config = { plugins: { cancellation: { rules } }, rules: { [`cancellation/${name}`]: 'error' } };
        const found = new Linter().verify(code, config as Linter.Config);
        assert.ok(
          found.length > 0 && found.every(({ ruleId }) => ruleId !== null),
          `${code}${found[0]?.message}`,
        );
      }
    });

    it('is described as in an editor', () => {
      assert.equal(describedIn(name), rule.meta?.docs?.description);
      assert.equal(rule.meta?.docs?.url?.split('#')[1], name);
    });
  });
}

describe('the recommended configuration', () => {
  it('has each rule, and each has cases', () => {
    const names = Object.keys(rules).sort();
    assert.deepEqual(
      Object.keys(configs.recommended.rules ?? {}).sort(),
      names.map((name) => `cancellation/${name}`),
    );
    assert.deepEqual(allCases.map(({ rule }) => rule).sort(), names);
  });

  const code = 'const controller = new AbortController(); fetch("http://a", { signal: controller.signal });';

  it('works as it stands in the documentation', () => {
    const found = new Linter().verify(code, [configs.recommended]);
    assert.deepEqual(
      found.map(({ ruleId }) => ruleId),
      ['cancellation/abort-controller-used'],
    );
  });

  it('says nothing of tests', () => {
    for (const file of ['load.test.js', 'src/load.spec.js', 'a/__tests__/load.js', 'test/load.js'])
      assert.equal(
        new Linter().verify(code, [configs.recommended], file).filter(({ ruleId }) => ruleId).length,
        0,
        file,
      );
    for (const file of ['load.js', 'src/testing/load.js', 'src/test.js'])
      assert.equal(new Linter().verify(code, [configs.recommended], file).length, 1, file);
  });
});
