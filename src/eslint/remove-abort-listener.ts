/** A listener on a signal that outlives the work it was put there for. */
import type { Rule } from 'eslint';
import { callersOf, sourceOf } from './parts/callers.ts';
import { variableOf } from './parts/names.ts';
import { functionAround, is, keyOf, type Node, type NodeOf, parentOf, pathOf } from './parts/nodes.ts';
import { holds } from './parts/options.ts';
import { ruleMeta } from './parts/rule-meta.ts';
import { awaitedCalls } from './parts/signal-uses.ts';

export const removeAbortListener: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'remove-abort-listener',
    description: 'A listener on the signal of somebody else is taken off when the work has ended.',
    messages: {
      stays:
        'When this work ends without an abort, its listener stays on `{{signal}}` as long as that lives, with all that it holds. Remove it when the work is done, or add it with `{ signal }` of a controller that is aborted then.',
    },
  }),
  create(context) {
    const { sourceCode } = context;
    const source = sourceOf(context);
    return {
      CallExpression(node) {
        const call = node as NodeOf<'CallExpression'>;
        const signal = listenedTo(call);
        if (signal === undefined || holds(sourceCode, call.arguments[2], ['signal']) !== 'no') return;
        if (isOfOneRequest(signal) || !endsBefore(call) || isKept(call.arguments[1])) return;
        const caller = callersOf(source, call).find(({ text }) => text.replace('?.', '.') === signal);
        if (
          caller === undefined ||
          /removeEventListener|addAbortListener/.test(sourceCode.getText(caller.given))
        )
          return;
        context.report({ node: call, messageId: 'stays', data: { signal } });
      },
    };

    /** `pending.set(id, { onAbort })`: whoever has it may take it off elsewhere. */
    function isKept(listener: Node | undefined): boolean {
      if (!is(listener, 'Identifier')) return is(listener, 'MemberExpression');
      const references = variableOf(sourceCode, listener)?.references ?? [];
      return references.some(({ identifier, init }) => {
        const user = parentOf(identifier as Node);
        const isOnlyCalled = is(user, 'CallExpression') && user.callee === identifier;
        return init !== true && identifier !== listener && !isOnlyCalled;
      });
    }

    /** Whether the function has an end of its own that it was put there for: it settles a promise, or awaits something. */
    function endsBefore(call: NodeOf<'CallExpression'>): boolean {
      const around = functionAround(call);
      if (around === undefined) return false;
      const user = parentOf(around);
      if (is(user, 'NewExpression') && pathOf(user.callee) === 'Promise') return true;
      return (
        around.async === true && awaitedCalls(sourceCode, around.body).some((each) => isAfter(each, call))
      );
    }
  },
};

function isAfter(node: Node, other: Node): boolean {
  return (node.range?.[0] ?? 0) > (other.range?.[1] ?? 0);
}

/** `a.b` of `a.b.addEventListener('abort', …)`. */
function listenedTo({ callee, arguments: [event] }: NodeOf<'CallExpression'>): string | undefined {
  if (!is(callee, 'MemberExpression') || keyOf(callee) !== 'addEventListener') return undefined;
  return is(event, 'Literal') && event.value === 'abort' ? pathOf(callee.object) : undefined;
}

/** Of one request, or of a controller that somebody made for this work: it goes when that is over. */
function isOfOneRequest(signal: string): boolean {
  return /(?:^|\.)(?:req|request|raw|ctx|context|event|c|\w*controller)\./i.test(signal);
}
