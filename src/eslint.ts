/**
 * The ESLint plugin: what is cancelled too late or never, found before it runs. docs/eslint.md says why of each rule.
 *
 * It loads nothing but its own files: no instrumentation, no API of OpenTelemetry, no compiler. Types come from
 * typescript-eslint where the configuration has it, as `sourceCode.parserServices`.
 */
import type { ESLint, Linter, Rule } from 'eslint';
import { abortControllerUsed } from './eslint/abort-controller-used.ts';
import { checkAfterAwait } from './eslint/check-after-await.ts';
import { generatorCleanup } from './eslint/generator-cleanup.ts';
import { grpcDeadline } from './eslint/grpc-deadline.ts';
import { noSwallowedAbort } from './eslint/no-swallowed-abort.ts';
import { noTimeoutRace } from './eslint/no-timeout-race.ts';
import { passSignal } from './eslint/pass-signal.ts';
import { removeAbortListener } from './eslint/remove-abort-listener.ts';
import { timeoutWithinCaller } from './eslint/timeout-within-caller.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from './version.ts';

/** By the name that a configuration gives them, behind `cancellation/`. */
export const rules: Readonly<Record<string, Rule.RuleModule>> = {
  'abort-controller-used': abortControllerUsed,
  'grpc-deadline': grpcDeadline,
  'no-timeout-race': noTimeoutRace,
  'pass-signal': passSignal,
  'check-after-await': checkAfterAwait,
  'generator-cleanup': generatorCleanup,
  'no-swallowed-abort': noSwallowedAbort,
  'remove-abort-listener': removeAbortListener,
  'timeout-within-caller': timeoutWithinCaller,
};

export const meta: Readonly<Record<'name' | 'version' | 'namespace', string>> = {
  name: PACKAGE_NAME,
  version: PACKAGE_VERSION,
  namespace: 'cancellation',
};

const plugin: ESLint.Plugin = { meta, rules: { ...rules } };

/** A test passes a signal to see that it is passed on, and waits for as long as its runner lets it. */
const TESTS = ['**/*.{test,spec}.*', '**/{test,tests,__tests__,__mocks__,e2e}/**'];

/** For a flat configuration: `export default [configs.recommended]`. */
export const configs: Readonly<Record<'recommended', Linter.Config>> = {
  recommended: {
    name: 'cancellation/recommended',
    ignores: TESTS,
    plugins: { cancellation: plugin },
    rules: Object.fromEntries(Object.keys(rules).map((name) => [`cancellation/${name}`, 'error' as const])),
  },
};
