/** An earlier report, by `--format json`: which findings it has. */
import { readFile } from 'node:fs/promises';
import { asText, isFields, listOf, ShapeError, textOf } from '../../spans/shape.ts';
import { UserError } from '../../spans/user-error.ts';
import { REPORT_VERSION } from './json.ts';

/** @throws {UserError} when it is no report. @returns ids of its findings */
export async function readBaseline(file: string): Promise<ReadonlySet<string>> {
  const json = await readJson(file);
  if (!isFields(json) || !('report' in json))
    throw new UserError(`${file}: JSON, but no report: make one by report --format json`);
  if (json.report !== REPORT_VERSION)
    throw new UserError(
      `${file}: a report of version ${asText(json.report)}, not ${REPORT_VERSION}: make it anew`,
    );
  try {
    const findings = listOf(json.findings, 'findings', idOf);
    // One by check has what was found in the code as well.
    const inCode = isFields(json.code) ? listOf(json.code.findings, 'code.findings', idOf) : [];
    return new Set([...findings, ...inCode]);
  } catch (error) {
    if (error instanceof ShapeError) throw new UserError(`${file}: ${error.message}`);
    throw error;
  }
}

function idOf({ id }: Readonly<Record<string, unknown>>, path: string): string {
  return textOf(id, `${path}.id`);
}

async function readJson(file: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new UserError(`${file}: ${code === 'ENOENT' ? 'no such file' : message}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UserError(`${file}: no JSON (${(error as Error).message})`);
  }
}
