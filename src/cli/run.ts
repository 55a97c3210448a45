/** The command `run`: a program with the instrumentation preloaded, the page, and each cancelled trace as it is complete. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';
import { startReceiving } from '../desk/receiving.ts';
import { SpanStore, type StoredTrace } from '../desk/store.ts';
import { findingsOn, isCancelled } from '../spans/cancel.ts';
import { isFields } from '../spans/shape.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../version.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { COMMAND_NAME } from './command-name.ts';
import { CompleteTraces } from './complete-traces.ts';
import { DESK_OPTIONS, DESK_USAGE, deskSettings } from './desk-options.ts';
import { exitCodeOf, nextEndSignal, onEndSignal } from './interrupts.ts';
import { notStarted } from './not-started.ts';
import { isAtTerminal, isColoured, rememberTerminal } from './terminal.ts';
import { drawTraces } from './trace-tree.ts';

const USAGE = `usage: ${COMMAND_NAME} run [options] -- command [arguments]

Runs a program with the instrumentation preloaded, in every Node.js process that it starts, opens a page on its cancelled
traces, and prints each of them once it is complete. What it prints goes to stderr; the program's output, signals, exit code
and terminal are its own.

  --port N         of the page (default any that is free)
${DESK_USAGE}  --no-page        prints only; ends when the program does
  --json           prints each trace as a line of JSON

At a terminal the page stays when the program has ended by itself or by Ctrl-C, until the next one. Exits with what the
program exited with, with 128 and the number of the signal that ended it; with 2 when it could not be started.

  ${COMMAND_NAME} run -- node app.js
  ${COMMAND_NAME} run -- npm start
`;

export const runCommand: Command = {
  name: 'run',
  summary: 'runs a program, shows who cancels what in it, live',
  usage: USAGE,
  takesProgram: true,
  options: { ...DESK_OPTIONS, 'no-page': { type: 'boolean' }, json: { type: 'boolean' } },
  run,
};

async function run(args: Arguments, { stderr }: Output): Promise<Result> {
  const { positionals, rest, flags } = args;
  const [command, ...commandArgs] = rest ?? [];
  if (command === undefined || positionals.length > 0) {
    throw new UsageError(`run needs a command after --, as in: ${COMMAND_NAME} run -- node app.js`);
  }
  const { host, port, keepFile, maxSpans, editorUrl } = deskSettings(args);
  const hasPage = stderr.isTTY === true && !flags.has('no-page');
  const store = new SpanStore(maxSpans);
  const desk = await startReceiving({
    store,
    info: {
      version: PACKAGE_VERSION,
      cwd: process.cwd(),
      editorUrl,
      source: [command, ...commandArgs].join(' '),
      jaegerUrl: undefined,
    },
    host,
    httpPort: { number: port ?? 0, isFlexible: port === undefined },
    grpcPort: undefined,
    keepFile,
  });
  try {
    const style = { cwd: process.cwd(), isColoured: isColoured(stderr) };
    const traces = new CompleteTraces(store, (trace) => {
      if (isTold(trace)) stderr.write(flags.has('json') ? jsonOf(trace) : drawTraces(trace.spans, style));
    });
    if (hasPage) stderr.write(`${COMMAND_NAME}: ${desk.url}\n\n`);
    const giveBack = rememberTerminal();
    const { exitCode, isToldToEnd } = await runProgram(command, commandArgs, desk.url);
    traces.end();
    if (hasPage && !isToldToEnd) {
      const ended = nextEndSignal();
      giveBack();
      stderr.write(
        `\n${COMMAND_NAME}: the program has ended (${exitCode}). ${desk.url} stays until Ctrl-C.\n`,
      );
      await ended;
    }
    return { text: '', exitCode };
  } finally {
    await desk.close();
  }
}

function isTold({ spans }: StoredTrace): boolean {
  return spans.some((span) => isCancelled(span) || findingsOn(span).length > 0);
}

function jsonOf({ traceId, spans }: StoredTrace): string {
  return `${JSON.stringify({ traceId, spans })}\n`;
}

interface Ended {
  /** Or that of the signal that ended it. */
  readonly exitCode: number;
  /** So are we: by another signal than Ctrl-C, such as when the terminal is closed. */
  readonly isToldToEnd: boolean;
}

async function runProgram(command: string, args: readonly string[], url: string): Promise<Ended> {
  let isToldToEnd = false;
  const child = spawn(command, args, { stdio: 'inherit', env: environmentFor(url) });
  // A terminal sends Ctrl-C to all of its processes: the program has it already, and a second one may mean more to it.
  const stop = onEndSignal((signal) => {
    isToldToEnd ||= signal !== 'SIGINT';
    if (signal !== 'SIGINT' || !isAtTerminal()) child.kill(signal);
  });
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    return { exitCode: signal === null ? (code ?? 0) : exitCodeOf(signal), isToldToEnd };
  } catch (error) {
    throw notStarted(command, error as NodeJS.ErrnoException);
  } finally {
    stop();
  }
}

function environmentFor(url: string): NodeJS.ProcessEnv {
  const register = new URL(import.meta.resolve(`${PACKAGE_NAME}/register`)).href;
  const { NODE_OPTIONS = '' } = process.env;
  return {
    ...process.env,
    NODE_OPTIONS: `${NODE_OPTIONS} --import ${register}`.trim(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/v1/traces`,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json',
    OTEL_TRACES_EXPORTER: 'otlp',
    // Often: somebody waits for it.
    OTEL_BSP_SCHEDULE_DELAY: '500',
    OTEL_INSTRUMENTATION_CANCELLATION_CONFIG: withAnnouncements(
      process.env.OTEL_INSTRUMENTATION_CANCELLATION_CONFIG,
    ),
    ...(isServiceNamed() ? {} : { OTEL_SERVICE_NAME: basename(process.cwd()) }),
  };
}

/** The page shows what goes on for nobody. What is no object is left for the program to complain of. */
function withAnnouncements(config: string | undefined): string {
  try {
    const options: unknown = JSON.parse(config || '{}');
    return isFields(options) ? JSON.stringify({ announceWork: true, ...options }) : String(config);
  } catch {
    return String(config);
  }
}

function isServiceNamed(): boolean {
  const { OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES = '' } = process.env;
  return Boolean(OTEL_SERVICE_NAME) || OTEL_RESOURCE_ATTRIBUTES.includes('service.name=');
}
