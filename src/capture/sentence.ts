/** What became of a cancelled exchange in one line: the limit from hand to hand, then who gave it up and who noticed. */
import type { WireExchange } from './exchange.ts';
import { inMs } from './facts.ts';
import type { SideTold, ToldBySpans } from './told-by-spans.ts';

/**
 * Of what is known, the rest is left out. Times are since the request; those of a span are by its own clock.
 * @returns undefined: no span says that it was cancelled
 */
export function sentenceOf(exchange: WireExchange, told: ToldBySpans | undefined): string | undefined {
  if (told?.client?.cancel === undefined && told?.server?.cancel === undefined) return undefined;
  const { client, server } = told;
  const limits: string[] = [];
  if (client?.timeoutMs !== undefined) limits.push(`client set ${inMs(client.timeoutMs)}`);
  const sent = exchange.limitHeaders.map(asSent).join(', ');
  if (sent !== '') limits.push(`the wire says ${sent}`);
  if (server?.timeoutMs !== undefined) limits.push(`the server read ${inMs(server.timeoutMs)}`);
  const ends = inOrder(exchange, told).map(({ text, atMs }) => {
    const sinceMs = atMs - exchange.requestAtMs;
    return `${text} at ${sinceMs < 0 ? '' : '+'}${inMs(sinceMs)}`;
  });
  return [...limits, ...ends].join(' · ');
}

/** The news of a peer comes after what it tells of, however the clocks of spans and packets stand to each other. */
function inOrder(exchange: WireExchange, { client, server }: ToldBySpans): End[] {
  const ends = [clientEnd(client), cutEnd(exchange), serverEnd(server)];
  const isNewsOfClient = server?.cancel?.initiator === 'peer' && exchange.cut?.by === 'client';
  const known = ends.filter((end) => end !== undefined);
  return isNewsOfClient ? known : known.toSorted((one, other) => one.atMs - other.atMs);
}

interface End {
  readonly text: string;
  readonly atMs: number;
}

/** The value alone where there is one way to write it. */
function asSent([name, value]: WireExchange['limitHeaders'][number]): string {
  const shown = value.slice(0, 64);
  return name === 'grpc-timeout' ? shown : `${name}: ${shown}`;
}

function clientEnd(client: SideTold | undefined): End | undefined {
  const cancel = client?.cancel;
  return (
    cancel && { text: cancel.initiator === 'local' ? 'client gave up' : 'client noticed', atMs: cancel.atMs }
  );
}

/** A side's own timer is no news from the other one. */
function serverEnd(server: SideTold | undefined): End | undefined {
  const cancel = server?.cancel;
  return (
    cancel && {
      text: cancel.initiator === 'local' ? 'the server gave up' : 'the handler noticed',
      atMs: cancel.atMs,
    }
  );
}

/** After a whole answer nobody is given up. */
function cutEnd({ cut, answerEndAtMs }: WireExchange): End | undefined {
  if (cut === undefined || answerEndAtMs !== undefined) return undefined;
  const { by, how, atMs } = cut;
  if (how === 'RST_STREAM')
    return { text: by === 'client' ? 'the reset left' : 'the reset of the server left', atMs };
  return { text: `the ${by} closed the connection (${how})`, atMs };
}
