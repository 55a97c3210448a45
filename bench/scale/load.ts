import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface Sent {
  spans: number;
  bytes: number;
}

const inFlight = 4;

/** Sends copies of an export, each with trace ids of its own, as fast as they are taken. */
export async function sendCopies(otlpHttpUrl: string, body: string, copies: number): Promise<Sent> {
  const spansInOne = body.split('"startTimeUnixNano":').length - 1;
  const agent = new http.Agent({ keepAlive: true, maxSockets: inFlight });
  const sent: Sent = { spans: 0, bytes: 0 };
  let left = copies;
  async function lane(): Promise<void> {
    while (left-- > 0) {
      const copy = withFreshTraces(body);
      await post(`${otlpHttpUrl}/v1/traces`, copy, agent);
      sent.spans += spansInOne;
      sent.bytes += copy.length;
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane));
  agent.destroy();
  return sent;
}

/** The spans of a trace stay together, and it is a trace that nobody has seen. */
function withFreshTraces(body: string): string {
  const fresh = new Map<string, string>();
  return body.replaceAll(/"traceId":"([0-9a-f]{32})"/g, (_match, traceId: string) => {
    const id = fresh.get(traceId) ?? randomBytes(16).toString('hex');
    fresh.set(traceId, id);
    return `"traceId":"${id}"`;
  });
}

async function post(url: string, body: string, agent: http.Agent): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const request = http.request(url, { method: 'POST', agent, headers }).end(body);
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
  });
  const answer = await buffer(response);
  if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}: ${answer}`);
}
