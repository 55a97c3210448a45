/** The command line: which command, and what is said when it cannot do what it is told. */
import { UserError } from '../spans/user-error.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../version.ts';
import {
  type Command,
  type Output,
  type Result,
  readArguments,
  suggestionFor,
  UsageError,
} from './arguments.ts';
import { captureCommand } from './capture.ts';
import { checkCommand } from './check/command.ts';
import { COMMAND_NAME } from './command-name.ts';
import { complyCommand } from './comply.ts';
import { doctorCommand } from './doctor/command.ts';
import { recordCommand } from './record.ts';
import { reportCommand } from './report/command.ts';
import { runCommand } from './run.ts';
import { timelineCommand } from './timeline.ts';
import { viewCommand } from './view.ts';

const COMMANDS: readonly Command[] = [
  runCommand,
  viewCommand,
  reportCommand,
  captureCommand,
  recordCommand,
  checkCommand,
  timelineCommand,
  complyCommand,
  doctorCommand,
];

const USAGE = `usage: ${COMMAND_NAME} <command> [options]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(8)}  ${summary}\n`).join('')}
  --help      this, or, after a command, what it takes
  --version   of the package

Exits with 2 when it could not do what it was told, which it says in one line on stderr. What else there is, each command tells.

  ${COMMAND_NAME} run -- node app.js
  ${COMMAND_NAME} doctor -- node app.js
`;

/** @returns the exit code; 2 when nothing could be done */
export async function runCommandLine(args: readonly string[], output: Output): Promise<number> {
  const { stdout, stderr } = output;
  try {
    const { text, exitCode } = await run(args, output);
    stdout.write(text);
    return exitCode;
  } catch (error) {
    // Anything else is a fault of ours: its stack is what whoever repairs it needs.
    const message = error instanceof UserError ? error.message : String((error as Error)?.stack ?? error);
    const hint = error instanceof UsageError ? '; --help tells more' : '';
    stderr.write(`${PACKAGE_NAME}: ${message}${hint}\n`);
    return 2;
  }
}

async function run([name, ...args]: readonly string[], output: Output): Promise<Result> {
  if (name === '--help' || name === '-h') return { text: USAGE, exitCode: 0 };
  if (name === '--version') return { text: `${PACKAGE_VERSION}\n`, exitCode: 0 };
  const names = COMMANDS.map((command) => command.name);
  if (name === undefined) throw new UsageError(`a command is missing${suggestionFor('', names)}`);
  const command = COMMANDS.find((known) => known.name === name);
  if (command === undefined) {
    const what = name.startsWith('-') ? `${name} comes before any command` : `unknown command ${name}`;
    throw new UsageError(`${what}${suggestionFor(name, names)}`);
  }
  const read = readArguments(args, { ...command.options, help: { type: 'boolean', short: 'h' } });
  if (read.flags.has('help')) return { text: command.usage, exitCode: 0 };
  const { positionals, rest = [] } = read;
  return await command.run(
    command.takesProgram ? read : { ...read, positionals: [...positionals, ...rest], rest: undefined },
    output,
  );
}
