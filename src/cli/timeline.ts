/** The command `timeline`: spans and the wire on one clock, in a file that Perfetto opens. */
import { join } from 'node:path';
import type { WireExchange } from '../capture/exchange.ts';
import { exchangesOf } from '../capture/exchanges.ts';
import { packetsOf } from '../capture/tshark.ts';
import { readSpans } from '../spans/source.ts';
import type { ExportedSpan } from '../spans/span.ts';
import { UserError } from '../spans/user-error.ts';
import { eventsOf } from '../timeline/events.ts';
import { writeTrace } from '../timeline/write-trace.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { COMMAND_NAME } from './command-name.ts';
import { TIME_OPTIONS, TIME_USAGE, timeIn } from './time-options.ts';

const DEFAULT_FILE = 'timeline.json';

const USAGE = `usage: ${COMMAND_NAME} timeline [options] <source>

Spans and requests on the wire on one clock, as one file in Chrome's trace format, which Perfetto (https://ui.perfetto.dev),
chrome://tracing and speedscope open.

  source           a file of spans, or the address of a Jaeger
  --out FILE       what is written (default ${DEFAULT_FILE}); compressed where it ends in .gz
  --capture FILE   a pcap or pcapng of the same time, as tcpdump writes it. Needs Wireshark's tshark
  --keylog FILE    decodes TLS: as node --tls-keylog=FILE writes it
${TIME_USAGE}
Exits with 0, and with 2 when it cannot read or write, or there are no spans.

  ${COMMAND_NAME} timeline spans.jsonl --capture capture.pcap
  ${COMMAND_NAME} timeline spans.jsonl --out timeline.json.gz
`;

export const timelineCommand: Command = {
  name: 'timeline',
  summary: 'puts spans and requests on the wire on one clock, in a file for Perfetto',
  usage: USAGE,
  options: {
    ...TIME_OPTIONS,
    out: { type: 'string' },
    capture: { type: 'string' },
    keylog: { type: 'string' },
  },
  run: timeline,
};

async function timeline(args: Arguments, { stderr }: Output): Promise<Result> {
  const { positionals, values } = args;
  const [source, ...others] = positionals;
  if (source === undefined) throw new UsageError('timeline needs a folder of record, or a file of spans');
  if (others.length > 0) throw new UsageError(`timeline takes one source, but has ${positionals.join(' ')}`);
  const onLeftOut = (what: string) => stderr.write(`${COMMAND_NAME}: left out: ${what}\n`);
  const bySpanId = new Map<string, ExportedSpan>();
  for await (const batch of readSpans(source, { ...timeIn(args), service: undefined }, { onLeftOut }))
    for (const span of batch) bySpanId.set(`${span.traceId} ${span.spanId}`, span);
  const spans = [...bySpanId.values()];
  if (spans.length === 0) throw new UserError(`${source}: no spans`);
  const capture = values.get('capture');
  const exchanges: WireExchange[] = [];
  if (capture !== undefined) {
    const onCutShort = () => onLeftOut(`the last packet of ${capture}, which was cut off`);
    const packets = packetsOf({ file: capture, keylog: values.get('keylog'), onCutShort });
    for await (const exchange of exchangesOf(packets)) exchanges.push(exchange);
  }
  const file = values.get('out') ?? join('.', DEFAULT_FILE);
  await writeTrace(file, eventsOf({ spans, exchanges }), { made: COMMAND_NAME });
  const wire = capture === undefined ? '' : `, ${exchanges.length} requests on the wire`;
  return { text: `${file}: ${spans.length} spans${wire}\n`, exitCode: 0 };
}
