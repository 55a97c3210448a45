/** The links that deploy/jaeger/ui.json adds to Jaeger's pages. */
import { readFileSync } from 'node:fs';
import type { TraceSearch } from '../support/jaeger-query.ts';

type LinkPattern = { type: string; key: string | string[]; url: string };
type MenuEntry = { label: string; url?: string; items?: { label: string; url: string }[] };

const configuration: { linkPatterns: LinkPattern[]; menu: MenuEntry[] } = JSON.parse(
  readFileSync(new URL('../../deploy/jaeger/ui.json', import.meta.url), 'utf8'),
);

export const menuSearches: readonly { label: string; search: TraceSearch }[] = configuration.menu.flatMap(
  ({ label, items = [] }) =>
    items.map((item) => ({ label: `${label}, ${item.label}`, search: searchOf(item.url) })),
);

/** What the web UI makes of the first pattern for this attribute: `#{key}` becomes the encoded value. */
export function linkOf(key: string, attributes: Record<string, unknown>): URL {
  const pattern = configuration.linkPatterns.find(({ key: keys }) => [keys].flat().includes(key));
  if (pattern === undefined) throw new Error(`no link for ${key}`);
  const url = pattern.url.replace(/#\{(.+?)\}/g, (_, name: string) => {
    // The UI shows no link at all then.
    if (attributes[name] === undefined) throw new Error(`${name} is no attribute of the span`);
    return encodeURIComponent(String(attributes[name]));
  });
  return new URL(url, 'http://jaeger.invalid');
}

/** What the page behind this link searches for. */
export function searchOf(url: string): TraceSearch {
  const { pathname, searchParams } = new URL(url, 'http://jaeger.invalid');
  if (pathname !== '/search') throw new Error(`not a search: ${url}`);
  return {
    service: searchParams.get('service') ?? '',
    operation: searchParams.get('operation') ?? undefined,
    attributes: JSON.parse(searchParams.get('tags') ?? '{}'),
    limit: Number(searchParams.get('limit')),
  };
}
