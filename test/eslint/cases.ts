/** What the tests of a rule are made of. */
import type { RuleTester } from 'eslint';

export interface Cases {
  readonly valid: readonly (string | RuleTester.ValidTestCase)[];
  readonly invalid: readonly RuleTester.InvalidTestCase[];
}

export interface RuleCases {
  readonly rule: string;
  readonly js: Cases;
  /** Of TypeScript, with types: `npm run test:setups -- eslint` runs them, and all others once more. */
  readonly ts?: Cases;
}
