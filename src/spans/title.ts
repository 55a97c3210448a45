/** What a span is called where it is shown. Pure. */
import {
  ATTR_HTTP_ROUTE,
  ATTR_URL_FULL,
  ATTR_URL_PATH,
  ATTR_URL_QUERY,
} from '@opentelemetry/semantic-conventions';
import type { ExportedSpan } from './span.ts';

/** HTTP spans are often called just GET: then path and query tell them apart. */
export function titleOf(span: ExportedSpan): string {
  const { name, attributes } = span;
  if (name.includes('/')) return name;
  const path = pathOf(span);
  const query = attributes[ATTR_URL_QUERY];
  if (path === undefined) return name;
  const full = fullUrlOf(span);
  return `${name} ${path}${full?.search ?? (query ? `?${query}` : '')}`;
}

/** The same for all requests of a kind, where that is known. */
export function routeOf(span: ExportedSpan): string {
  const { name, attributes } = span;
  const route = attributes[ATTR_HTTP_ROUTE];
  if (name.includes('/') || (route === undefined && pathOf(span) === undefined)) return name;
  return `${name} ${route ?? pathOf(span)}`;
}

/** A segment of a path that tells one thing from others of its kind: a number, a UUID, a hash, a token. */
const ID = /\/(?:\d+|[\da-f]{8}-[\da-f-]{27}|(?=[^/]*\d)[\da-f]{8,}|(?=[^/]*\d)[\w~-]{20,})(?=\/|$)/gi;

/** What operations are counted by: the route. Where none is known it is the path, in which ids are `*`. */
export function operationOf(span: ExportedSpan): string {
  const route = routeOf(span);
  return span.attributes[ATTR_HTTP_ROUTE] === undefined ? route.replace(ID, '/*') : route;
}

function pathOf(span: ExportedSpan): string | undefined {
  const path = fullUrlOf(span)?.pathname ?? span.attributes[ATTR_URL_PATH] ?? span.attributes['http.target'];
  return path === undefined ? undefined : String(path);
}

function fullUrlOf({ attributes }: ExportedSpan): URL | undefined {
  const full = String(attributes[ATTR_URL_FULL] ?? attributes['http.url'] ?? '');
  return URL.canParse(full) ? new URL(full) : undefined;
}
