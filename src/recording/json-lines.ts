/** Files of a recording that grow line by line: whatever ended their writer, all lines but the last are whole. */
import { createReadStream } from 'node:fs';
import { type Fields, isFields } from '../spans/shape.ts';
import { textLines } from '../spans/text-lines.ts';
import { UserError } from '../spans/user-error.ts';

/**
 * Nothing where there is no such file: it had nothing to tell.
 *
 * @param isOne whether a line is what belongs into the file
 * @throws {UserError} when a line that is not the last cannot be read, or one does not belong there
 */
export async function* jsonLines<T>(file: string, isOne: (line: unknown) => line is T): AsyncGenerator<T> {
  try {
    for await (const { text, number, isEnded } of textLines(createReadStream(file))) {
      if (text.trim() === '') continue;
      const line: unknown = parsed(text);
      if (isOne(line)) yield line;
      else if (isEnded || line !== undefined) {
        const what = line === undefined ? 'no JSON' : 'not what a recording has there';
        throw new UserError(
          `${file}:${number}: ${what}, so somebody else has written to it: take the line out, or record again`,
        );
      }
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT') throw new UserError(`${file}: ${message}`);
  }
}

function parsed(text: string): Fields | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return isFields(line) ? line : undefined;
  } catch {
    return undefined;
  }
}
