/** The command `capture`: what became of requests on the wire, beside what the spans say of them. */
import { isNotable } from '../capture/facts.ts';
import { SpansOfExchanges } from '../capture/told-by-spans.ts';
import { readSpans } from '../spans/source.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { LOOPBACK } from './capture-options.ts';
import { captureSource, noRequestsIn } from './capture-source.ts';
import { drawExchange, jsonOfExchange, markdownOfExchange } from './capture-text.ts';
import { COMMAND_NAME } from './command-name.ts';
import { TIME_OPTIONS, TIME_USAGE, timeIn } from './time-options.ts';

const USAGE = `usage: ${COMMAND_NAME} capture [options] <source>
       ${COMMAND_NAME} capture --live --port LIST [options]

What became of each request on the wire: the time limit as it was sent, who reset or closed it, what was still sent afterwards, whether
the connection went on. HTTP/1.1 and HTTP/2 (gRPC). Needs Wireshark's tshark.

  source           a pcap or pcapng, as tcpdump writes it: tcpdump -i lo -w capture.pcap tcp port 8080; or a folder of
                   ${COMMAND_NAME} record, with the spans in it
  --live           captures instead, by Wireshark's dumpcap or tcpdump, and tells each request a few seconds after it was cut short or
                   over, until Ctrl-C. HTTP/2 is read on connections that begin meanwhile
  --port LIST      with --live: TCP ports, separated by commas
  -i, --interface LIST  with --live (default ${LOOPBACK})
  --for SECONDS    with --live: ends by itself
  --spans SOURCE   a file of spans, or the address of a Jaeger: what they say of the same requests
${TIME_USAGE}  --keylog FILE    decodes TLS: as node --tls-keylog=FILE writes it
  --all            those as well to which nothing happened
  --json           one JSON object a line
  --markdown       for the summary of a job or a comment

Exits with 0, and with 2 when the file cannot be read or has no request.

  ${COMMAND_NAME} capture capture.pcap
  ${COMMAND_NAME} capture --live --port 8080,50051
  ${COMMAND_NAME} capture capture.pcap --spans http://localhost:16686 --json
`;

export const captureCommand: Command = {
  name: 'capture',
  summary: 'shows what became of requests on the wire, from a file of tcpdump or Wireshark',
  usage: USAGE,
  options: {
    ...TIME_OPTIONS,
    live: { type: 'boolean' },
    port: { type: 'string' },
    interface: { type: 'string', short: 'i' },
    for: { type: 'string' },
    spans: { type: 'string' },
    keylog: { type: 'string' },
    all: { type: 'boolean' },
    json: { type: 'boolean' },
    markdown: { type: 'boolean' },
  },
  run: capture,
};

async function capture(args: Arguments, { stdout, stderr }: Output): Promise<Result> {
  const { values, flags } = args;
  const draw = formatOf(flags);
  const source = await captureSource(args, (text) => void stderr.write(text));
  const spans = new SpansOfExchanges();
  const spansSource = values.get('spans') ?? source.spansFile;
  if (spansSource !== undefined)
    for await (const batch of readSpans(spansSource, { ...timeIn(args), service: undefined }))
      spans.add(batch);
  const counts = { all: 0, told: 0 };
  for await (const exchange of source.exchanges) {
    counts.all++;
    const isTold = isNotable(exchange);
    if (isTold) counts.told++;
    if (!isTold && !flags.has('all')) continue;
    stdout.write(draw(exchange, spans.of(exchange)));
  }
  if (counts.all === 0) throw noRequestsIn(source.name, source.hasPackets());
  const summary = `${counts.all} requests, ${counts.told} of them with something to tell.\n`;
  return { text: flags.has('json') ? '' : summary, exitCode: 0 };
}

function formatOf(flags: ReadonlySet<string>): typeof drawExchange {
  if (flags.has('json') && flags.has('markdown'))
    throw new UsageError('--json and --markdown: choose one of them');
  if (flags.has('json')) return jsonOfExchange;
  return flags.has('markdown') ? markdownOfExchange : drawExchange;
}
