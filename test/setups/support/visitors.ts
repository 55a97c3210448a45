/** Who visits the server: clients in another process than its own, which is not instrumented. */
import { get } from 'node:http';

/** Leaves after 200 ms without an answer, as `curl --max-time 0.2` does. */
export function leave(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, () => reject(new Error(`${url} answered`)));
    request.once('error', () => resolve());
    setTimeout(() => request.destroy(), 200);
  });
}

/** Waits for the whole answer. */
export async function stay(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${body}`);
  return body;
}
