/** Who visits the server: clients in another process than its own, which is not instrumented. */
import { get } from 'node:http';

/** Leaves when its request is out and 200 ms have brought no answer, as `curl --max-time 0.2` does. */
export function leave(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, () => reject(new Error(`${url} answered`)));
    request.once('error', () => resolve());
    request.once('socket', (socket) => {
      socket.once('connect', () => setTimeout(() => request.destroy(), 200));
    });
  });
}

/** Waits for the whole answer. */
export async function stay(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${body}`);
  return body;
}
