/** The command `view`: the page, over spans that come by OTLP, from a file or a Jaeger. */
import { startReceiving } from '../desk/receiving.ts';
import { SpanStore } from '../desk/store.ts';
import { isRecording } from '../recording/read.ts';
import type { JaegerQuestion } from '../spans/jaeger.ts';
import { isJaegerAddress, readSpans } from '../spans/source.ts';
import { evidenceIn } from '../timeline/evidence.ts';
import { exchangesIn, type RunReading, readRun } from '../timeline/read-run.ts';
import { TraceTimelines } from '../timeline/trace-timeline.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../version.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { noRequestsIn } from './capture-source.ts';
import { COMMAND_NAME } from './command-name.ts';
import { DESK_OPTIONS, DESK_USAGE, deskSettings, portIn } from './desk-options.ts';
import { nextEndSignal } from './interrupts.ts';
import { Progress } from './progress.ts';
import { TIME_OPTIONS, TIME_USAGE, timeIn } from './time-options.ts';

const HTTP_PORT = 4_318;
const GRPC_PORT = 4_317;

const USAGE = `usage: ${COMMAND_NAME} view [options] [source]

Opens a page on cancelled traces, live: who cancelled, why, when, where, and the work that went on.
Spans come by OTLP/HTTP and OTLP/gRPC, which is where exporters send them by default.

  source           shown as well: a file of spans as OTLP JSON, one object or one a line, or as Jaeger's user
                   interface downloads them; a folder of ${COMMAND_NAME} record; or the address of a Jaeger, such as
                   http://localhost:16686
  --capture FILE   a pcap or pcapng of the same time: what became of the requests of these traces on the wire stands under their
                   spans, as that of a recording does. Needs Wireshark's tshark
  --keylog FILE    decodes TLS of the capture: as node --tls-keylog=FILE writes it
  --port N         of the page and of OTLP/HTTP (default ${HTTP_PORT}, or any that is free)
  --grpc-port N    of OTLP/gRPC (default ${GRPC_PORT}, or any that is free)
${DESK_USAGE}  --service NAME   of a Jaeger: traces of this service only
${TIME_USAGE}  --json           prints where it listens as JSON

Ends by Ctrl-C, with 0; with 2 when it cannot listen or read.

  ${COMMAND_NAME} view
  ${COMMAND_NAME} view spans.jsonl
  ${COMMAND_NAME} view spans.jsonl --capture capture.pcap
  ${COMMAND_NAME} view http://localhost:16686 --since 10
`;

export const viewCommand: Command = {
  name: 'view',
  summary: 'opens a page on cancelled traces: live by OTLP, of a file, or of a Jaeger',
  usage: USAGE,
  options: {
    ...DESK_OPTIONS,
    'grpc-port': { type: 'string' },
    capture: { type: 'string' },
    keylog: { type: 'string' },
    service: { type: 'string' },
    ...TIME_OPTIONS,
    json: { type: 'boolean' },
  },
  run: view,
};

async function view(args: Arguments, { stdout, stderr }: Output): Promise<Result> {
  const { positionals, values, flags } = args;
  const [source, ...others] = positionals;
  if (others.length > 0) throw new UsageError(`view takes one source, but has ${positionals.join(' ')}`);
  const wire = { capture: values.get('capture'), keylog: values.get('keylog') };
  if (source === undefined && wire.capture !== undefined)
    throw new UsageError('--capture needs a source of spans, as in view spans.jsonl --capture capture.pcap');
  const { startMs, endMs } = timeIn(args);
  const { host, port, keepFile, maxSpans, editorUrl } = deskSettings(args);
  const grpcPort = portIn(values, 'grpc-port');
  const store = new SpanStore(maxSpans);
  let timelines: TraceTimelines | undefined;
  if (source !== undefined) {
    const question = { service: values.get('service'), startMs, endMs };
    const onLeftOut = (what: string) => stderr.write(`${COMMAND_NAME}: left out: ${what}\n`);
    const progress = new Progress(stderr);
    const onRead = (bytes: number) => progress.read(bytes);
    let requests = 0;
    const onRequest = () => progress.requested(++requests);
    try {
      timelines = await show({ source, question, ...wire }, store, { onRead, onLeftOut, onRequest });
      if (wire.capture !== undefined && requests === 0) throw noRequestsIn(wire.capture);
    } finally {
      progress.end();
    }
  }
  const isJaeger = source !== undefined && isJaegerAddress(source);
  const desk = await startReceiving({
    store,
    info: {
      version: PACKAGE_VERSION,
      cwd: process.cwd(),
      editorUrl,
      source: source ?? 'listening',
      jaegerUrl: isJaeger ? source.replace(/\/$/, '') : undefined,
      hasTimelines: timelines !== undefined,
    },
    timelineOf: timelines && ((trace, within) => (timelines as TraceTimelines).of(trace.spans, within)),
    host,
    httpPort: { number: port ?? HTTP_PORT, isFlexible: port === undefined },
    grpcPort: { number: grpcPort ?? GRPC_PORT, isFlexible: grpcPort === undefined },
    keepFile,
  });
  const ended = nextEndSignal();
  const { url } = desk;
  stdout.write(
    flags.has('json')
      ? `${JSON.stringify({ url, otlpHttp: url, otlpGrpcPort: desk.grpcPort })}\n`
      : `${url}\n\nSpans are taken there by OTLP/HTTP, and by OTLP/gRPC on port ${desk.grpcPort}:\n  OTEL_EXPORTER_OTLP_ENDPOINT=${url} node --import ${PACKAGE_NAME}/register app.js\nWork for nobody is shown while it goes on with OTEL_INSTRUMENTATION_CANCELLATION_CONFIG='{"announceWork":true}' as well.\nCtrl-C ends.\n`,
  );
  await ended;
  await desk.close();
  return { text: '', exitCode: 0 };
}

interface Shown {
  readonly source: string;
  readonly question: JaegerQuestion;
  readonly capture: string | undefined;
  readonly keylog: string | undefined;
}

/** @returns what was recorded around its traces; undefined: nothing was */
async function show(
  shown: Shown,
  store: SpanStore,
  reading: RunReading,
): Promise<TraceTimelines | undefined> {
  const { source, question, capture } = shown;
  const onWire = { ...shown, areAll: false };
  if (await isRecording(source)) {
    const run = await readRun(onWire, reading);
    store.add(run.spans);
    return new TraceTimelines(evidenceIn(run));
  }
  for await (const spans of readSpans(source, question, reading)) store.add(spans);
  if (capture === undefined) return undefined;
  // Of those that are held, of which there is a most.
  const spans = store.traces().flatMap((trace) => trace.spans);
  const exchanges = await exchangesIn(capture, spans, onWire, reading);
  return new TraceTimelines(evidenceIn({ spans, exchanges, processes: [] }));
}
