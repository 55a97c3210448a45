/** Runs the rules of the plugin over files: nothing of the project's own configuration but the comments in its code. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { relative, resolve, sep } from 'node:path';
import type { ESLint, Linter } from 'eslint';
import { configs } from '../../eslint.ts';
import { UserError } from '../../spans/user-error.ts';
import { type CodeFinding, findingOf } from './code-finding.ts';
import type { Tools } from './tools.ts';

export interface Linted {
  /** Those that were looked at. */
  readonly fileCount: number;
  /** Those of TypeScript for which types were at hand. */
  readonly typedCount: number;
  readonly findings: readonly CodeFinding[];
  /** `file:line:column: why`: those that no parser can read. */
  readonly unread: readonly string[];
  /** What was not looked at, or not as well as it could be. */
  readonly leftOut: readonly string[];
}

const SCRIPT = ['**/*.{js,mjs,cjs,jsx}'];
const TYPESCRIPT = ['**/*.{ts,mts,cts,tsx}'];
/** Made of other files, whether or not git is told so. ESLint itself leaves node_modules out. */
const MADE = ['**/dist/', '**/*.min.{js,mjs,cjs}', '**/*.d.{ts,mts,cts}'];
/** Of a file that the TypeScript configuration does not include. */
const NO_TYPES = 'was not found by the project service';

interface Way {
  readonly types: boolean;
  /** Of a file .js. */
  readonly sourceType: 'module' | 'commonjs';
}

const FIRST: Way = { types: true, sourceType: 'module' };
/** How a file is read that could not be read in the first way. */
const OTHERWISE: Way = { types: false, sourceType: 'commonjs' };

/**
 * @param paths below the folder
 * @throws {UserError} when one of them is not there, or no file is
 */
export async function lint(paths: readonly string[], folder: string, tools: Tools): Promise<Linted> {
  for (const path of paths) {
    if (!existsSync(resolve(folder, path))) throw new UserError(`${path}: no such file or folder`);
    if (relative(folder, resolve(folder, path)).split(sep)[0] === '..')
      throw new UserError(`${path}: outside of ${folder}, where check was started`);
  }
  const ignored = [...MADE, ...ignoredByGit(folder)];
  const first = await run(paths, folder, tools, ignored, FIRST);
  const failed = first.filter(isUnread);
  const again =
    failed.length === 0
      ? []
      : await run(
          failed.map(({ filePath }) => filePath),
          folder,
          tools,
          ignored,
          OTHERWISE,
        );
  const results = [...first.filter((result) => !failed.includes(result)), ...again];

  const pathOf = ({ filePath }: ESLint.LintResult): string => relative(folder, filePath).replaceAll(sep, '/');
  const isScript = ({ filePath }: ESLint.LintResult): boolean => /\.[mc]?jsx?$/.test(filePath);
  const looked = results.filter((result) => tools.parser !== undefined || isScript(result));
  const leftOut: string[] = [];
  if (looked.length < results.length)
    leftOut.push(`${countOf(results.length - looked.length)} of TypeScript: ${tools.noParser}`);
  if (looked.length === 0)
    throw new UserError(
      `${paths.join(', ')}: no file to check${leftOut.map((why) => `; left out: ${why}`).join('')}`,
    );
  const read = looked.filter((result) => !isUnread(result));
  const withoutTypes = again.filter((result) => read.includes(result) && !isScript(result));
  if (withoutTypes.length > 0)
    leftOut.push(
      `the types of ${countOf(withoutTypes.length)}: ${reasonOf(failed.find((result) => !isScript(result)))}`,
    );
  const unread = looked.filter(isUnread).map((result) => {
    const { line, column } = errorOf(result) ?? {};
    return `${pathOf(result)}:${line ?? 1}:${column ?? 1}: ${reasonOf(result)}`;
  });
  const findings = read.flatMap((result) =>
    // Comments may switch on rules that are not here, which ESLint tells in the name of that rule.
    result.messages
      .filter(({ ruleId }) => ruleId !== null && ruleId in (configs.recommended.rules ?? {}))
      .map((message) => findingOf(message, pathOf(result), result.source ?? '')),
  );
  const typedCount = first.filter((result) => read.includes(result) && !isScript(result)).length;
  return { fileCount: read.length, typedCount, findings, unread, leftOut };
}

export function countOf(files: number): string {
  return files === 1 ? '1 file' : `${files} files`;
}

function errorOf({ messages }: ESLint.LintResult): Linter.LintMessage | undefined {
  return messages.find(({ fatal }) => fatal);
}

function isUnread(result: ESLint.LintResult): boolean {
  return errorOf(result) !== undefined;
}

function reasonOf(result: ESLint.LintResult | undefined): string {
  const [text = ''] = (result && errorOf(result)?.message.split('\n')) ?? [];
  return text.includes(NO_TYPES) ? 'they are in no tsconfig.json' : text;
}

async function run(
  paths: readonly string[],
  cwd: string,
  { ESLint, parser, noParser }: Tools,
  ignored: string[],
  { types, sourceType }: Way,
): Promise<ESLint.LintResult[]> {
  const unable: Linter.Parser = {
    parse() {
      throw new Error(noParser);
    },
  };
  const parserOptions = types ? { projectService: true, tsconfigRootDir: cwd } : {};
  const eslint = new ESLint({
    cwd,
    overrideConfigFile: true,
    overrideConfig: [
      { ...configs.recommended, linterOptions: { reportUnusedDisableDirectives: 'off' } },
      { files: SCRIPT, languageOptions: { parserOptions: { ecmaFeatures: { jsx: true } } } },
      { files: ['**/*.js'], languageOptions: { sourceType } },
      { files: TYPESCRIPT, languageOptions: { parser: parser ?? unable, parserOptions } },
    ],
    ignorePatterns: ignored,
    errorOnUnmatchedPattern: false,
    warnIgnored: false,
  });
  return await eslint.lintFiles([...paths]);
}

/** What git is told to ignore, as patterns; none where there is no git. */
function ignoredByGit(folder: string): string[] {
  const args = ['ls-files', '-z', '--others', '--ignored', '--exclude-standard', '--directory'];
  const { stdout } = spawnSync('git', args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 });
  // Null where there is no such command.
  const names = (stdout ?? '')
    .split('\0')
    .filter((name) => name !== '' && !/(^|\/)node_modules\/$/.test(name));
  return names.map((name) => `${name.replace(/[\\*?[\]{}()!+@]/g, '\\$&')}`);
}
