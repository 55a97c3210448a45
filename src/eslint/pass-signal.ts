/** A call that could be cancelled with whoever waits for it, and is not. */
import type { Rule, SourceCode } from 'eslint';
import { type Caller, callersOf, sourceOf } from './parts/callers.ts';
import { is, keyOf, type Node, type NodeOf, parentOf } from './parts/nodes.ts';
import { type Outgoing, outgoingCall } from './parts/outgoing.ts';
import { ruleMeta } from './parts/rule-meta.ts';
import { isForNobody, isHeardByHand } from './parts/waiting.ts';

export const passSignal: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'pass-signal',
    description: 'What is called for somebody who may leave is cancelled when he does.',
    messages: {
      signal: '`{{call}}` goes on when `{{caller}}` is aborted. Pass it: `{ {{option}} }`.',
      request:
        '`{{call}}` goes on when the client of `{{caller}}` has left. Pass a signal that tells: `currentSignal()` of opentelemetry-instrumentation-cancellation, or one that is aborted when the response closes.',
      pass: 'Pass `{{caller}}`.',
    },
    hasSuggestions: true,
  }),
  create(context) {
    const { sourceCode } = context;
    const source = sourceOf(context);
    return {
      CallExpression(node) {
        const call = node as NodeOf<'CallExpression'>;
        const outgoing = outgoingCall(sourceCode, source.types, call);
        if (outgoing === undefined || outgoing.hasSignal !== 'no' || isForNobody(call)) return;
        const caller = callersOf(source, call).find((each) => waitsFor(sourceCode, each, call, outgoing));
        if (caller === undefined) return;
        const option = optionOf(outgoing, caller);
        const data = { call: outgoing.name, caller: caller.text, option };
        if (caller.kind === 'request') return context.report({ node: call, messageId: 'request', data });
        const fix = passIt(call, outgoing, option);
        const suggest = fix === null ? [] : [{ messageId: 'pass', data, fix }];
        context.report({ node: call, messageId: 'signal', data, suggest });
      },
    };
  },
};

function optionOf({ key }: Outgoing, { text }: Caller): string {
  return key === text ? key : `${key}: ${text}`;
}

function waitsFor(sourceCode: SourceCode, caller: Caller, call: Node, outgoing: Outgoing): boolean {
  if (isHeardByHand(sourceCode, caller, call)) return false;
  if (caller.kind === 'signal') return true;
  // Nothing of the framework's own is missed here: only what certainly is for the answer, and has no end of its own.
  return outgoing.isRead && outgoing.hasTimeout === 'no' && !isAnsweredBefore(caller, call);
}

/** What comes after the answer is for nobody, as it is meant to be. */
function isAnsweredBefore({ given }: Caller, call: Node): boolean {
  for (let at: Node | undefined = call; at !== undefined && at !== given; at = parentOf(at)) {
    const block = parentOf(at);
    if (!is(block, 'BlockStatement')) continue;
    const before = block.body.slice(0, block.body.indexOf(at as (typeof block.body)[number]));
    if (before.some((statement) => is(statement, 'ExpressionStatement') && isAnswer(statement.expression)))
      return true;
  }
  return false;
}

const ANSWERS = new Set(['end', 'send', 'json', 'sendStatus', 'redirect']);

function isAnswer(expression: Node): boolean {
  const call = is(expression, 'AwaitExpression') ? expression.argument : expression;
  if (!is(call, 'CallExpression') || !is(call.callee, 'MemberExpression')) return false;
  return ANSWERS.has(keyOf(call.callee) ?? '');
}

function passIt(
  call: NodeOf<'CallExpression'>,
  { optionsAt }: Outgoing,
  option: string,
): Rule.ReportFixer | null {
  const options = call.arguments[optionsAt];
  if (options === undefined) {
    const last = call.arguments.at(-1);
    if (last === undefined || call.arguments.length !== optionsAt) return null;
    return (fixer) => fixer.insertTextAfter(last, `, { ${option} }`);
  }
  if (!is(options, 'ObjectExpression')) return null;
  const last = options.properties.at(-1);
  if (last !== undefined) return (fixer) => fixer.insertTextAfter(last, `, ${option}`);
  return (fixer) => fixer.replaceText(options, `{ ${option} }`);
}
