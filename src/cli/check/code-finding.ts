/** What a rule found in a file. */
import { createHash } from 'node:crypto';
import type { Linter } from 'eslint';
import { groupBy } from '../../spans/group-by.ts';

export interface CodeFinding {
  /** The same for the same line of a file of that name, wherever in it and in whichever folder that is. */
  readonly id: string;
  /** Without the name of the plugin. */
  readonly rule: string;
  /** Below the folder, with `/`. */
  readonly file: string;
  /** From 1, as are columns. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  readonly message: string;
}

export function findingOf(found: Linter.LintMessage, file: string, source: string): CodeFinding {
  const { line, column, endLine = line, endColumn = column, message } = found;
  const rule = String(found.ruleId).replace(/^.*\//, '');
  const text = source.split(/\r?\n/)[line - 1]?.trim() ?? '';
  const parts = [rule, file.split('/').at(-1), text];
  const id = createHash('sha256').update(parts.join('\u0000')).digest('hex').slice(0, 16);
  return { id, rule, file, line, column, endLine, endColumn, message };
}

/** By their rules, that which fired most often first. */
export function byRule(findings: readonly CodeFinding[]): [rule: string, found: CodeFinding[]][] {
  return [...groupBy(findings, ({ rule }) => rule)].sort(([, a], [, b]) => b.length - a.length);
}
