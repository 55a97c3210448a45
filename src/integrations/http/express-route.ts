/**
 * The route of a request that Express (4 and 5) has handled, read when the request is over. Express leaves
 * the Route on the request but not the patterns under which its routers are mounted: `baseUrl` has
 * the values of their parameters, and is taken back when a handler fails. So the way to the Route is looked
 * up in the application's routers, which costs as much as matching the routers and the Route once more.
 */

import { pathOfTarget } from '../../conventions/url.ts';
import type { Message } from './internals.ts';

interface ExpressRequest {
  readonly url: string;
  readonly baseUrl?: string;
  readonly route?: Route;
  readonly app?: Application;
}

interface Route {
  /** A RegExp or an array of paths is no name for a route. */
  readonly path: unknown;
}

interface Application {
  readonly parent?: Application;
  readonly mountpath?: unknown;
  /** Express 4, where `router` throws. */
  readonly _router?: Router;
  readonly router?: Router;
}

interface Router {
  readonly stack?: readonly Layer[];
}

interface Layer {
  readonly route?: Route;
  /** What is mounted: a function, which may be a router. */
  readonly handle?: Router;
  /** Express 4. */
  readonly regexp?: RegExp;
  readonly keys?: readonly { readonly name: string | number }[];
  /** Express 5, from router 2.3 on. */
  readonly rawPath?: unknown;
  /** Express 5. Returns a Match from router 2.3 on; before that it leaves the same on the layer. */
  match?(path: string): Match | boolean;
}

interface Match {
  readonly path: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly pattern?: unknown;
}

interface Mount {
  readonly pattern: string;
  readonly length: number;
}

export function expressRouteOf(request: Message): string | undefined {
  const { route, app, baseUrl = '', url } = request as unknown as ExpressRequest;
  if (route === undefined || app === undefined || typeof route.path !== 'string') return undefined;
  const mount = mountOfApplication(app);
  const stack = (app._router ?? app.router)?.stack;
  if (mount === undefined || stack === undefined) return undefined;
  // What routers take off the one they put on the other. Not `originalUrl`: the application may have rewritten the path.
  const target = baseUrl + pathOfTarget(url);
  const queryStart = target.indexOf('?');
  const path = queryStart === -1 ? target : target.slice(0, queryStart);
  const below = wayTo(route, stack, withoutSegments(path, mount));
  return below === undefined ? undefined : join(join(mount, below), route.path) || '/';
}

/** The patterns of the routers between `stack` and the Route; undefined when the Route is not there. */
function wayTo(route: Route, stack: readonly Layer[], path: string): string | undefined {
  for (const layer of stack) {
    // A Route that does not match is below a mount that cannot be seen from here.
    if (layer.route === route) return isMatch(layer, path) ? '' : undefined;
    if (layer.route !== undefined) continue;
    const below = layer.handle?.stack;
    const mount = below && mountOf(layer, path);
    if (below === undefined || mount === undefined) continue;
    const rest = path.slice(mount.length);
    const way = wayTo(route, below, rest.startsWith('/') ? rest : `/${rest}`);
    if (way !== undefined) return join(mount.pattern, way);
  }
  return undefined;
}

function isMatch(layer: Layer, path: string): boolean {
  return layer.regexp === undefined ? Boolean(layer.match?.(path)) : layer.regexp.test(path);
}

/** Undefined when the path is elsewhere, and when the pattern cannot be known. */
function mountOf(layer: Layer, path: string): Mount | undefined {
  return layer.regexp === undefined ? mountInExpress5(layer, path) : mountInExpress4(layer, path);
}

function mountInExpress5(layer: Layer, path: string): Mount | undefined {
  // Not asked what it matches: one with a state would match something else the next time.
  if (layer.rawPath instanceof RegExp) return undefined;
  const found = layer.match?.(path);
  if (!found) return undefined;
  const match = found === true ? (layer as unknown as Match) : found;
  if (typeof match.pattern === 'string') return { pattern: match.pattern, length: match.path.length };
  // A path without parameters is its own pattern.
  if (found !== true || Object.keys(match.params).length > 0) return undefined;
  return { pattern: match.path, length: match.path.length };
}

/** Kept, for the few that there are: made of strings, which costs more than to match. */
const patterns = new WeakMap<RegExp, string | null>();

function mountInExpress4({ regexp, keys }: Layer, path: string): Mount | undefined {
  if (regexp === undefined || keys === undefined) return undefined;
  let pattern = patterns.get(regexp);
  if (pattern === undefined) {
    pattern = patternOf(regexp.source, keys);
    patterns.set(regexp, pattern);
  }
  const found = pattern === null ? null : regexp.exec(path);
  return pattern === null || found === null ? undefined : { pattern, length: found[0].length };
}

/** path-to-regexp 0.1 ends every mount path like this. */
const MOUNT_END = '\\/?(?=\\/|$)';
/** `/:name` in its expressions. */
const SEGMENT = /\(\?:\\\/\(\[\^\\?\/\]\+\?\)\)/g;

/** Express 4 keeps only the expression that it makes of a path. Null for what is no plain path. */
function patternOf(source: string, keys: NonNullable<Layer['keys']>): string | null {
  if (!source.startsWith('^') || !source.endsWith(MOUNT_END)) return null;
  let index = 0;
  const text = source
    .slice(1, -MOUNT_END.length)
    .replace(SEGMENT, () => `/:${keys[index++]?.name}`)
    .replace(/\\([/.-])/g, '$1');
  return /[\\()[\]|^$*+?]/.test(text) ? null : text;
}

/** Where an application is mounted in others: their mount functions hide it, but it knows the path itself. */
function mountOfApplication(app: Application): string | undefined {
  let pattern = '';
  for (let current = app; current.parent !== undefined; current = current.parent) {
    const { mountpath } = current;
    // Only of these is it known how many segments they match.
    if (typeof mountpath !== 'string' || /[()*+?{}]/.test(mountpath)) return undefined;
    pattern = join(mountpath, pattern);
  }
  return pattern;
}

function withoutSegments(path: string, mount: string): string {
  let rest = path;
  for (const character of mount) {
    if (character !== '/') continue;
    const next = rest.indexOf('/', 1);
    rest = next === -1 ? '/' : rest.slice(next);
  }
  return rest;
}

function join(pattern: string, below: string): string {
  const above = pattern.endsWith('/') ? pattern.slice(0, -1) : pattern;
  return below === '/' ? above : above + below;
}
