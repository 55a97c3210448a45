/** A CPU profile as the stacks that were seen, and as slices: what was on the stack for how long. Pure. */
import type { CpuNode, CpuProfile } from '../recording/format.ts';

export interface Frame {
  readonly name: string;
  /** Short: without the folders of the application, or of node_modules. */
  readonly place: string;
  readonly url: string;
  /** From 1. */
  readonly line: number;
  /** Neither Node's, a package's, ours, nor the engine's. */
  readonly isApplication: boolean;
}

export interface Sample {
  /** On the process's own clock. */
  readonly atMs: number;
  /** The outermost first; empty: it was idle. */
  readonly stack: readonly Frame[];
}

export interface CpuSlice {
  readonly frame: Frame;
  readonly fromMs: number;
  readonly toMs: number;
  /** Inside of so many others. */
  readonly depth: number;
}

/** What V8 says in the place of a function where there is none. */
const NOTHING: readonly string[] = ['(root)', '(idle)', '(program)'];
const COLLECTOR = '(garbage collector)';

export function* stacksIn(profile: CpuProfile): Generator<Sample> {
  const { samples, timeDeltas, startMs } = profile;
  const stackOf = stacksById(profile);
  let stack: readonly Frame[] = [];
  let atMs = startMs;
  for (let index = 0; index < samples.length; index++) {
    // V8 corrects its clock now and then.
    atMs += Math.max(0, (timeDeltas[index] ?? 0) / 1_000);
    const seen = stackOf(samples[index] as number);
    // It interrupts what is there, which goes on afterwards.
    const isCollector = seen.length === 1 && seen[0]?.name === COLLECTOR;
    yield { atMs, stack: isCollector ? [...stack, seen[0] as Frame] : seen };
    if (!isCollector) stack = seen;
  }
}

/**
 * Of consecutive samples with the same beginning one for each function, in the order in which they begin: the outer one first.
 * @param shownOf what of a stack is shown
 */
export function slicesIn(
  profile: CpuProfile,
  shownOf: (stack: readonly Frame[]) => readonly Frame[] = (stack) => stack,
): CpuSlice[] {
  const slices: (CpuSlice & { toMs: number })[] = [];
  const open: typeof slices = [];
  const close = (depth: number, toMs: number): void => {
    for (const slice of open.splice(depth)) slice.toMs = Math.max(slice.fromMs, toMs);
  };
  for (const { atMs, stack } of stacksIn(profile)) {
    const shown = shownOf(stack);
    let common = 0;
    while (common < open.length && open[common]?.frame === shown[common]) common++;
    close(common, atMs);
    for (const frame of shown.slice(common)) {
      const slice = { frame, fromMs: atMs, toMs: atMs, depth: open.length };
      slices.push(slice);
      open.push(slice);
    }
  }
  // The last sample may be later than the end.
  close(0, Math.max(profile.endMs, open.at(-1)?.fromMs ?? 0));
  return slices;
}

function stacksById({ nodes, ownPlaces = [] }: CpuProfile): (id: number) => readonly Frame[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map<number, number>();
  for (const { id, children } of nodes) for (const child of children ?? []) parents.set(child, id);
  const frames = new Map<number, Frame | undefined>();
  const known = new Map<number, readonly Frame[]>();
  /** One function is one frame, by whomever it was called. */
  const functions = new Map<string, Frame>();
  const frameOfId = (id: number): Frame | undefined => {
    if (frames.has(id)) return frames.get(id);
    const made = frameOf(byId.get(id), ownPlaces);
    const key = made && `${made.url} ${made.line} ${made.name}`;
    const frame = key === undefined ? undefined : (functions.get(key) ?? made);
    if (key !== undefined && frame !== undefined) functions.set(key, frame);
    frames.set(id, frame);
    return frame;
  };
  return (id) => {
    const stack = known.get(id) ?? [];
    if (known.has(id)) return stack;
    const made: Frame[] = [];
    const seen = new Set<number>();
    for (let at: number | undefined = id; at !== undefined && !seen.has(at); at = parents.get(at)) {
      seen.add(at);
      const frame = frameOfId(at);
      if (frame !== undefined) made.push(frame);
    }
    made.reverse();
    known.set(id, made);
    return made;
  };
}

function frameOf(node: CpuNode | undefined, ownPlaces: readonly string[]): Frame | undefined {
  if (node === undefined) return undefined;
  const { functionName, url, lineNumber } = node.callFrame;
  if (NOTHING.includes(functionName)) return undefined;
  const file = url.replace(/^file:\/\//, '');
  const isPackage = file.includes('/node_modules/');
  const isOwn = ownPlaces.some((place) => url.startsWith(place));
  const short = isPackage
    ? file.slice(file.lastIndexOf('/node_modules/') + 14)
    : (file.split('/').at(-1) ?? '');
  const line = lineNumber + 1;
  return {
    name: functionName === '' ? '(anonymous)' : functionName,
    place: file === '' ? '' : `${file.startsWith('node:') ? file : short}:${line}`,
    url,
    line,
    isApplication: file.includes('/') && !isPackage && !isOwn && !file.startsWith('node:'),
  };
}

/** `name (place)` */
export function labelOf({ name, place }: Frame): string {
  return place === '' ? name : `${name} (${place})`;
}
