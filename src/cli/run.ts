/** The command `run`: a program with the instrumentation preloaded, the page, and each cancelled trace as it is complete. */
import { startReceiving } from '../desk/receiving.ts';
import { SpanStore, type StoredTrace } from '../desk/store.ts';
import { findingsOn, isCancelled } from '../spans/cancel.ts';
import { PACKAGE_VERSION } from '../version.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from './arguments.ts';
import { COMMAND_NAME } from './command-name.ts';
import { CompleteTraces } from './complete-traces.ts';
import { DESK_OPTIONS, DESK_USAGE, deskSettings } from './desk-options.ts';
import { nextEndSignal } from './interrupts.ts';
import { instrumentedEnvironment, runProgram } from './program.ts';
import { isColoured, rememberTerminal } from './terminal.ts';
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
    // The page shows what goes on for nobody.
    const environment = instrumentedEnvironment(desk.url, { announceWork: true });
    const { exitCode, isToldToEnd } = await runProgram(command, commandArgs, environment);
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
