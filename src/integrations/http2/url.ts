/** URLs as the semantic conventions want them: without credentials, and without the signatures of signed URLs. */

/** Query parameters that grant access to whoever has them (semantic conventions, `url.full` and `url.query`). */
const SECRET_PARAMETER = /([?&](?:AWSAccessKeyId|Signature|sig|X-Goog-Signature)=)[^&#]+/g;
/** One of them is in each of the names. */
const SECRET_ENDINGS = ['AWSAccessKeyId=', 'ignature=', 'sig='];

export interface Authority {
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads an `:authority`: `example.org`, `user@example.org:8080`, `[::1]:8080`. */
export function parseAuthority(text: string): Authority {
  const hostAndPort = text.slice(text.lastIndexOf('@') + 1);
  const colon = hostAndPort.lastIndexOf(':');
  // In an IPv6 address without a port the last colon is inside of the brackets.
  if (colon === -1 || hostAndPort.includes(']', colon)) return { host: hostAndPort, port: undefined };
  const port = Number(hostAndPort.slice(colon + 1));
  return { host: hostAndPort.slice(0, colon), port: Number.isInteger(port) ? port : undefined };
}

export function defaultPortOf(scheme: string): number {
  return scheme === 'https' ? 443 : 80;
}

export function fullUrl(scheme: string, { host, port }: Authority, path: string): string {
  const isDefaultPort = port === undefined || port === defaultPortOf(scheme);
  return redactQuery(`${scheme}://${host}${isDefaultPort ? '' : `:${port}`}${path}`);
}

export function redactQuery(url: string): string {
  // Cheaper than the expression, on the path of every request.
  const mayHave = url.includes('?') && SECRET_ENDINGS.some((ending) => url.includes(ending));
  return mayHave ? url.replace(SECRET_PARAMETER, '$1REDACTED') : url;
}
