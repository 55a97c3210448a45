/** Paths of cancels that began in the same way, laid on top of each other: how often each hop was reached, and how late. Pure. */
import { Distribution } from '../../desk/distribution.ts';
import { OTHER } from '../../desk/tallies.ts';
import type { CancelPath, PathHop, Told } from '../../spans/path/cancel-path.ts';
import { operationOf } from '../../spans/title.ts';

export interface Chain {
  /** Of the first hop: where the cancel was decided, or is first seen. */
  readonly origin: string | undefined;
  readonly count: number;
  /** In ms, of all its hops. */
  readonly wastedMs: number;
  /** One of them, to look at. */
  readonly traceId: string;
  /** Each before those that it told. */
  readonly hops: readonly ChainHop[];
}

export interface ChainHop {
  readonly depth: number;
  /** Undefined: it has no spans. */
  readonly service: string | undefined;
  readonly operation: string;
  readonly told: Told;
  readonly trigger: string | undefined;
  readonly count: number;
  /** From when the hop before it was told to when it was, in ms. Undefined: that is not known. */
  readonly delayMs: { readonly median: number; readonly p95: number; readonly most: number } | undefined;
  readonly wastedMs: number;
  /** How often it did not stop. */
  readonly goesOnCount: number;
  /** How often it did not tell those that were at work for it. */
  readonly notPassedOnCount: number;
}

const MAX_CHAINS = 1_000;
/** Of one. */
const MAX_HOPS = 200;

interface Node extends Pick<ChainHop, 'service' | 'operation' | 'told' | 'trigger'> {
  readonly delay: Distribution;
  readonly children: Map<string, Node>;
  count: number;
  wastedMs: number;
  goesOnCount: number;
  notPassedOnCount: number;
}

interface Root {
  readonly origin: string | undefined;
  readonly traceId: string;
  readonly node: Node;
  hopCount: number;
}

export class ChainTally {
  readonly #roots = new Map<string, Root>();

  add({ traceId, hops }: CancelPath): void {
    const [first] = hops as readonly [PathHop];
    const root = this.#rootOf(first, traceId);
    const above: { readonly hop: PathHop; readonly node: Node }[] = [];
    for (const hop of hops) {
      const before = above[hop.depth - 1];
      const node = before === undefined ? root.node : childOf(before.node, hop, root);
      above.length = hop.depth;
      above[hop.depth] = { hop, node };
      count(node, hop, before?.hop);
    }
  }

  /** The most frequent one first. */
  chains(): Chain[] {
    return [...this.#roots.values()]
      .map(({ origin, traceId, node }) => {
        const hops = hopsOf(node, 0);
        const wastedMs = hops.reduce((sum, hop) => sum + hop.wastedMs, 0);
        return { origin, count: node.count, wastedMs, traceId, hops };
      })
      .sort((a, b) => b.count - a.count);
  }

  #rootOf(first: PathHop, traceId: string): Root {
    const isFull = this.#roots.size >= MAX_CHAINS - 1;
    const origin = first.told === 'itself' ? first.origin : undefined;
    const key = JSON.stringify([keyOf(first), origin]);
    const known = this.#roots.get(key) ?? (isFull ? this.#roots.get(OTHER) : undefined);
    if (known !== undefined) return known;
    const root: Root = isFull
      ? {
          origin: undefined,
          traceId,
          node: { ...nodeOf(first), service: OTHER, operation: OTHER },
          hopCount: 1,
        }
      : { origin, traceId, node: nodeOf(first), hopCount: 1 };
    this.#roots.set(isFull ? OTHER : key, root);
    return root;
  }
}

function childOf({ children }: Node, hop: PathHop, root: Root): Node {
  const isFull = root.hopCount >= MAX_HOPS;
  const key = keyOf(hop);
  const known = children.get(key) ?? (isFull ? children.get(OTHER) : undefined);
  if (known !== undefined) return known;
  const node = isFull ? { ...nodeOf(hop), service: OTHER, operation: OTHER } : nodeOf(hop);
  children.set(isFull ? OTHER : key, node);
  root.hopCount++;
  return node;
}

function nodeOf({ service, span, told, trigger }: PathHop): Node {
  return {
    ...{ service, operation: span === undefined ? '' : operationOf(span), told, trigger },
    ...{ delay: new Distribution(), children: new Map() },
    ...{ count: 0, wastedMs: 0, goesOnCount: 0, notPassedOnCount: 0 },
  };
}

function keyOf({ service, span, told, trigger }: PathHop): string {
  return JSON.stringify([service, span && operationOf(span), told, trigger]);
}

function count(node: Node, hop: PathHop, before: PathHop | undefined): void {
  node.count++;
  node.wastedMs += hop.wastedMs ?? 0;
  if (hop.listens === 'no') node.goesOnCount++;
  if (hop.passesOn === 'no') node.notPassedOnCount++;
  if (before?.afterMs !== undefined && hop.afterMs !== undefined)
    node.delay.add(hop.afterMs - before.afterMs);
}

/** No deeper than paths are followed. */
function hopsOf({ delay, children, ...node }: Node, depth: number): ChainHop[] {
  const delayMs =
    delay.count === 0
      ? undefined
      : { median: delay.quantile(0.5), p95: delay.quantile(0.95), most: delay.most };
  return [
    { depth, ...node, delayMs },
    ...[...children.values()].flatMap((child) => hopsOf(child, depth + 1)),
  ];
}
