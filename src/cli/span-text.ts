/** Spans in the words of a line of text. */
import { ATTR_URL_FULL, ATTR_URL_PATH } from '@opentelemetry/semantic-conventions';
import type { ExportedSpan } from '../spans/span.ts';

/** HTTP spans are often called just GET: then the path tells them apart. */
export function titleOf({ name, attributes }: ExportedSpan): string {
  if (name.includes('/')) return name;
  const url = String(attributes[ATTR_URL_FULL]);
  const path = attributes[ATTR_URL_PATH] ?? (URL.canParse(url) ? new URL(url).pathname : undefined);
  return path === undefined ? name : `${name} ${path}`;
}

/** Telemetry is written by strangers: no line breaks, no escape sequences. */
export function plain(value: string): string {
  return value.replace(/\p{Cc}+/gu, ' ');
}
