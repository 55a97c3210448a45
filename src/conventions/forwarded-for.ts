/** `X-Forwarded-For`: the first of the addresses is the client's, the others are proxies'. */
export function forwardedFor(header: unknown): string | undefined {
  if (typeof header !== 'string') return undefined;
  const comma = header.indexOf(',');
  const first = (comma === -1 ? header : header.slice(0, comma)).trim();
  return first === '' ? undefined : first;
}
