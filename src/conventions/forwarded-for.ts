import { cut } from '../operation/cut.ts';
import { MAX_ADDRESS_LENGTH } from './lengths.ts';

/** `X-Forwarded-For`: the first of the addresses is the client's, the others are proxies'. */
export function forwardedFor(header: unknown): string | undefined {
  if (typeof header !== 'string') return undefined;
  const comma = header.indexOf(',');
  const first = (comma === -1 ? header : header.slice(0, comma)).trim();
  return first === '' ? undefined : cut(first, MAX_ADDRESS_LENGTH);
}
