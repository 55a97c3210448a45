/** A stack as text, and its frames read from there. */
import { fileURLToPath } from 'node:url';

export interface Frame {
  /** `<anonymous>` when the function has no name. */
  readonly functionName: string;
  /** A path, or the URL of what is no file. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `at fn (file:1:2)`, `at async fn (file:1:2)`, `at file:1:2`; the file may itself hold parentheses and colons. */
const FRAME = /^\s*at (?:async )?(.+)$/;
const PLACE = /^(.+):(\d+):(\d+)$/;

export function parseFrame(line: string): Frame | undefined {
  const text = FRAME.exec(line)?.[1];
  if (text === undefined) return undefined;
  // A path may end in a parenthesis too, but never does a place: that ends in its column.
  const open = text.endsWith(')') ? text.indexOf(' (') : -1;
  const functionName = text.slice(0, Math.max(open, 0));
  const place = PLACE.exec(placeOfEval(open < 0 ? text : text.slice(open + 2, -1)));
  const file = place?.[1];
  if (file === undefined) return undefined;
  return {
    functionName: functionName === '' ? '<anonymous>' : functionName,
    file: toPath(file),
    line: Number(place?.[2]),
    column: Number(place?.[3]),
  };
}

/** Of `eval at fn (file:1:2), <anonymous>:3:4`, however deep, the `file:1:2` where eval() was called. */
function placeOfEval(place: string): string {
  let outer = place;
  while (outer.startsWith('eval at ')) {
    const open = outer.indexOf(' (');
    const close = outer.lastIndexOf(')');
    if (open < 0 || close < open) return outer;
    outer = outer.slice(open + 2, close);
  }
  return outer;
}

function toPath(file: string): string {
  if (!file.startsWith('file:')) return file;
  try {
    return fileURLToPath(file);
  } catch {
    return file;
  }
}

/**
 * An application may have set Error.prepareStackTrace (source-map-support does) and may return
 * something that is no string: what it returns as a string is used, anything else is formatted as V8 would.
 */
export function formatStack(captured: { readonly stack: string }): string | undefined {
  const prepare = Error.prepareStackTrace;
  if (typeof prepare !== 'function') return asText(captured.stack);
  const prepareText: typeof prepare = (error, sites) => {
    let text: unknown;
    try {
      text = prepare.call(Error, error, sites);
    } catch {
      text = undefined;
    }
    return typeof text === 'string' ? text : sites.map((site) => `    at ${String(site)}`).join('\n');
  };
  const isReplaced = Reflect.set(Error, 'prepareStackTrace', prepareText);
  try {
    return asText(captured.stack);
  } catch {
    return undefined; // theirs, which could not be replaced (a hardened realm), throws
  } finally {
    if (isReplaced) Error.prepareStackTrace = prepare;
  }
}

function asText(stack: unknown): string | undefined {
  return typeof stack === 'string' ? stack : undefined;
}
