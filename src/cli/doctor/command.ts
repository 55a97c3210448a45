/** The command `doctor`: what is instrumented, and what is wrong with the set-up. It changes nothing. */
import { PACKAGE_VERSION } from '../../version.ts';
import { type Arguments, type Command, type Output, type Result, UsageError } from '../arguments.ts';
import { COMMAND_NAME } from '../command-name.ts';
import { isColoured } from '../terminal.ts';
import { lookAtFolder, lookAtProgram } from './diagnosis.ts';
import { drawDiagnosis } from './diagnosis-text.ts';

const DEFAULT_SECONDS = 5;

const USAGE = `usage: ${COMMAND_NAME} doctor [options] [-- command [arguments]]

Says what is instrumented, by which copies and versions, who makes the spans, whether a sampler loses cancels, whether what listens
at the exporter's address takes spans, and whether its clock is this one's. It changes nothing.

Without a command it looks at the folder: package.json, node_modules, environment. With one it runs that for a while, and each
of its Node.js processes says what is loaded in it; then it gets SIGTERM. What the program writes goes to stderr.

  --for SECONDS    how long the program runs (default ${DEFAULT_SECONDS})
  --send           sends one span to the exporter's address; else it gets an empty export
  --json           the same as JSON

Exits with 0 when nothing is wrong, with 1 when something is, with 2 when it could not look.

  ${COMMAND_NAME} doctor
  ${COMMAND_NAME} doctor -- node --import ./telemetry.js app.js
  ${COMMAND_NAME} doctor --for 20 -- npm start
`;

export const doctorCommand: Command = {
  name: 'doctor',
  summary: 'says what is wrong with the set-up of a folder or a program; for an issue, too',
  usage: USAGE,
  takesProgram: true,
  options: { for: { type: 'string' }, send: { type: 'boolean' }, json: { type: 'boolean' } },
  run: doctor,
};

async function doctor({ positionals, values, flags, rest }: Arguments, { stdout }: Output): Promise<Result> {
  if (positionals.length > 0 || rest?.length === 0) {
    throw new UsageError(`doctor takes a command after --, as in: ${COMMAND_NAME} doctor -- node app.js`);
  }
  const seconds = values.get('for') ?? String(DEFAULT_SECONDS);
  if (!(Number(seconds) > 0)) throw new UsageError(`--for must be a number of seconds, but is ${seconds}`);
  if (rest === undefined && values.has('for'))
    throw new UsageError('--for is for a program, which follows --');
  const question = { isSending: flags.has('send'), forMs: Number(seconds) * 1_000 };
  const sections =
    rest === undefined ? await lookAtFolder(process.cwd(), question) : await lookAtProgram(rest, question);
  const exitCode = sections.some(({ checks }) => checks.some(({ status }) => status === 'wrong')) ? 1 : 0;
  const { version, platform, arch } = process;
  if (flags.has('json')) {
    const diagnosis = { version: PACKAGE_VERSION, node: version, platform, arch, sections };
    return { text: `${JSON.stringify(diagnosis, undefined, 2)}\n`, exitCode };
  }
  const head = `${COMMAND_NAME} ${PACKAGE_VERSION}, Node ${version}, ${platform} ${arch}`;
  return { text: drawDiagnosis(head, sections, isColoured(stdout)), exitCode };
}
