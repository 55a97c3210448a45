/** The command line: which command, and what is said when it cannot do what it is told. */
import { UserError } from '../spans/user-error.ts';
import { PACKAGE_NAME, PACKAGE_VERSION } from '../version.ts';
import { type Command, type Result, readArguments, suggestionFor, UsageError } from './arguments.ts';
import { reportCommand } from './report.ts';

const COMMANDS: readonly Command[] = [reportCommand];

const USAGE = `usage: ${PACKAGE_NAME} <command> [options]

${COMMANDS.map(({ name, summary }) => `  ${name}  ${summary}\n`).join('')}
  --help      this, or, after a command, what it takes
  --version   of the package
`;

/** What the command writes to. */
export interface Output {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

/** @returns the exit code; 2 when nothing could be done */
export async function runCommandLine(args: readonly string[], { stdout, stderr }: Output): Promise<number> {
  try {
    const { text, exitCode } = await run(args);
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

async function run([name, ...args]: readonly string[]): Promise<Result> {
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
  return read.flags.has('help') ? { text: command.usage, exitCode: 0 } : await command.run(read);
}
