/** A time limit in the place of the caller's signal, or one that comes later than the caller's. */
import type { Rule, SourceCode } from 'eslint';
import { signalsFor, sourceOf } from './parts/callers.ts';
import { constantValue, variableOf } from './parts/names.ts';
import { bare, is, type Node, type NodeOf, parentOf } from './parts/nodes.ts';
import { valueAt } from './parts/options.ts';
import { madeBy, originOf } from './parts/origins.ts';
import { outgoingCall } from './parts/outgoing.ts';
import { ruleMeta } from './parts/rule-meta.ts';
import { isForNobody, isHeardByHand } from './parts/waiting.ts';

export const timeoutWithinCaller: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'timeout-within-caller',
    description: "A time limit is one more end of a call, beside the caller's, and within it.",
    messages: {
      alone:
        '`{{call}}` has a time limit in the place of `{{caller}}`, and goes on when that is aborted. Combine them: `AbortSignal.any([{{caller}}, {{limit}}])`.',
      combine: 'Combine it with `{{caller}}`.',
      never:
        'This limit of {{ms}} ms never ends anything: one of {{shorterMs}} ms is beside it. Take it out, or make it shorter.',
    },
    hasSuggestions: true,
  }),
  create(context) {
    const { sourceCode } = context;
    const source = sourceOf(context);
    return {
      CallExpression(node) {
        const call = node as NodeOf<'CallExpression'>;
        if (originOf(sourceCode, call.callee) === 'global#AbortSignal.any') return compare(call);
        const outgoing = outgoingCall(sourceCode, source.types, call);
        if (outgoing?.hasSignal !== 'yes' || isForNobody(call)) return;
        const given = valueAt(call.arguments[outgoing.optionsAt], outgoing.key);
        if (given === undefined || limitMs(sourceCode, given) === undefined) return;
        const caller = signalsFor(source, call)[0];
        if (caller === undefined || isHeardByHand(sourceCode, caller, call)) return;
        const limit = sourceCode.getText(given);
        const data = { call: outgoing.name, caller: caller.text, limit };
        // AbortSignal.any() throws where there is none.
        const isSure = caller.text === caller.parameter.name && !mayBeMissing(caller.parameter);
        const both = `AbortSignal.any([${caller.text}, ${limit}])`;
        const isShort =
          parentOf(given)?.type === 'Property' && (parentOf(given) as NodeOf<'Property'>).shorthand;
        const fix: Rule.ReportFixer = (fixer) =>
          fixer.replaceText(given, isShort ? `${limit}: ${both}` : both);
        const suggest = isSure ? [{ messageId: 'combine', data, fix }] : [];
        context.report({ node: given, messageId: 'alone', data, suggest });
      },
    };

    /** Those of which the length is known. */
    function compare(any: NodeOf<'CallExpression'>): void {
      const [array] = any.arguments;
      if (!is(array, 'ArrayExpression')) return;
      const limits = array.elements.flatMap((each) => {
        const ms = each === null ? undefined : limitMs(sourceCode, each);
        return ms === undefined || Number.isNaN(ms) ? [] : [{ node: each as Node, ms }];
      });
      const shortest = Math.min(...limits.map(({ ms }) => ms));
      for (const { node, ms } of limits)
        if (ms > shortest)
          context.report({ node, messageId: 'never', data: { ms: String(ms), shorterMs: String(shortest) } });
    }
  },
};

/** Of `AbortSignal.timeout()`, or of a name for one: NaN where the number is not known. Undefined: it is none. */
function limitMs(sourceCode: SourceCode, node: Node): number | undefined {
  const made = madeBy(sourceCode, node);
  if (!is(made, 'CallExpression') || originOf(sourceCode, made.callee) !== 'global#AbortSignal.timeout')
    return undefined;
  const [ms] = made.arguments;
  return ms === undefined ? Number.NaN : numberOf(sourceCode, ms);
}

function numberOf(sourceCode: SourceCode, node: Node): number {
  const value = bare(node);
  if (is(value, 'Literal')) return typeof value.value === 'number' ? value.value : Number.NaN;
  if (is(value, 'BinaryExpression') && value.operator === '*')
    return numberOf(sourceCode, value.left as Node) * numberOf(sourceCode, value.right);
  const constant = is(value, 'Identifier') ? constantValue(variableOf(sourceCode, value)) : undefined;
  return constant === undefined ? Number.NaN : numberOf(sourceCode, constant);
}

function mayBeMissing(parameter: NodeOf<'Identifier'>): boolean {
  const { optional } = parameter as { optional?: boolean };
  const inPattern = is(parentOf(parameter), 'Property');
  return optional === true || inPattern || is(parentOf(parameter), 'AssignmentPattern');
}
