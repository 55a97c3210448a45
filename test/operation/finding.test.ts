import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FINDING_RULES, isMoreSerious } from '../../src/operation/finding.ts';

test('any rule is more serious than none', () => {
  for (const rule of FINDING_RULES) assert.equal(isMoreSerious(rule, undefined), true, rule);
});

test('of two rules the one listed first is the more serious, and none is more serious than itself', () => {
  FINDING_RULES.forEach((rule, index) => {
    FINDING_RULES.forEach((other, otherIndex) => {
      assert.equal(isMoreSerious(rule, other), index < otherIndex, `${rule}, ${other}`);
    });
  });
});
