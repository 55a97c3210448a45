/** A loop that goes on, round after round, when nobody waits for it any more. */
import type { Rule } from 'eslint';
import { type Caller, signalsFor, sourceOf } from './parts/callers.ts';
import { functionAround, is, type Node, type NodeOf, parentOf } from './parts/nodes.ts';
import { originOf } from './parts/origins.ts';
import { ruleMeta } from './parts/rule-meta.ts';
import { awaitedCalls, isListenedTo, mentions, namesWith } from './parts/signal-uses.ts';

const LOOPS = [
  'ForStatement',
  'ForOfStatement',
  'ForInStatement',
  'WhileStatement',
  'DoWhileStatement',
] as const;
type Loop = NodeOf<(typeof LOOPS)[number]>;

export const checkAfterAwait: Rule.RuleModule = {
  meta: ruleMeta({
    name: 'check-after-await',
    description: 'A loop that awaits looks at the signal that its function was given, or passes it on.',
    messages: {
      goesOn:
        'This loop goes on when `{{caller}}` is aborted: it neither looks at it nor passes it on. Begin its rounds with `{{look}}`, or pass it to what is awaited.',
    },
  }),
  create(context) {
    const { sourceCode } = context;
    const source = sourceOf(context);
    /** Over before anybody could look, and better not left half done. */
    const isOfFiles = (call: NodeOf<'CallExpression'>): boolean =>
      /^fs(?:\/promises|-extra)?#/.test(originOf(sourceCode, call.callee) ?? '');
    const look = (node: Rule.Node): void => {
      const loop = node as Loop;
      if (awaitedCalls(sourceCode, loop.body).every(isOfFiles)) return;
      const callers = signalsFor(source, loop);
      const [caller] = callers;
      if (caller === undefined || isInLoop(loop, caller)) return;
      const isHeard = callers.some(
        (each) => isListenedTo(sourceCode, each) || isLookedAt(loop, namesWith(sourceCode, each)),
      );
      if (isHeard || !isMeant(caller)) return;
      const loc = sourceCode.getFirstToken(loop)?.loc ?? loop.loc;
      if (loc == null) return;
      const dot = isMaybe(caller) ? '?.' : '.';
      const data = { caller: caller.text, look: `${caller.text}${dot}throwIfAborted()` };
      context.report({ loc, messageId: 'goesOn', data });
    };
    return Object.fromEntries(LOOPS.map((type) => [type, look]));

    function isLookedAt(loop: Loop, names: ReadonlySet<string>): boolean {
      // What it goes through may come of a call that had the signal, and is there as a whole by now.
      const parts: Node[] = is(loop, 'ForOfStatement') && !loop.await ? [loop.body] : [loop];
      return parts.some((part) => mentions(sourceCode, part, names));
    }

    /** `_signal` is passed over on purpose. A parameter that has a signal among other things is meant where the function reads it. */
    function isMeant({ text, given, parameter }: Caller): boolean {
      if (parameter.name.startsWith('_')) return false;
      return text === parameter.name || sourceCode.getText(given.body).includes(text.replace('?.', '.'));
    }
  },
};

function isMaybe({ text, parameter }: Caller): boolean {
  const { optional } = parameter as { optional?: boolean };
  return optional === true || text.includes('?.') || is(parentOf(parameter), 'AssignmentPattern');
}

/** The outer one is told of already. */
function isInLoop(loop: Node, { given }: Caller): boolean {
  const around = functionAround(loop);
  for (let at = parentOf(loop); at !== undefined && at !== around && at !== given; at = parentOf(at))
    if (is(at, ...LOOPS)) return true;
  return false;
}
