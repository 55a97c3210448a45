/** What ESLint and editors are told of a rule. */
import type { Rule } from 'eslint';

const PAGE =
  'https://github.com/opentelemetry-instrumentation-cancellation/opentelemetry-instrumentation-cancellation/blob/main/docs/eslint.md';

interface Description {
  readonly name: string;
  /** What is to be so. docs/eslint.md has the same sentence below the name. */
  readonly description: string;
  readonly messages: Readonly<Record<string, string>>;
  readonly schema?: Rule.RuleMetaData['schema'];
  readonly hasSuggestions?: boolean;
}

export function ruleMeta(of: Description): Rule.RuleMetaData {
  return {
    type: 'problem',
    docs: { description: of.description, recommended: true, url: `${PAGE}#${of.name}` },
    messages: { ...of.messages },
    schema: of.schema ?? [],
    hasSuggestions: of.hasSuggestions ?? false,
  };
}
