/** Editors that open a file at a line by an address. */
import { suggestionFor, UsageError } from './arguments.ts';

/** By the names of `--editor`. */
const EDITORS: Readonly<Record<string, string>> = {
  vscode: 'vscode://file/{file}:{line}:{column}',
  'vscode-insiders': 'vscode-insiders://file/{file}:{line}:{column}',
  vscodium: 'vscodium://file/{file}:{line}:{column}',
  cursor: 'cursor://file/{file}:{line}:{column}',
  windsurf: 'windsurf://file/{file}:{line}:{column}',
  zed: 'zed://file/{file}:{line}:{column}',
  idea: 'idea://open?file={file}&line={line}&column={column}',
  webstorm: 'webstorm://open?file={file}&line={line}&column={column}',
  sublime: 'subl://open?url=file:///{file}&line={line}&column={column}',
};
const NONE = 'none';

export const EDITOR_NAMES: readonly string[] = [...Object.keys(EDITORS), NONE];
export const DEFAULT_EDITOR = 'vscode';

/** In a page these would not open an editor. */
const NO_EDITOR = /^(javascript|data|vbscript|blob|https?|file):/i;

/**
 * @param named one of these names, or an address of another one with `{file}`, and `{line}` and `{column}` if it takes them
 * @returns undefined: no place in code is a link
 * @throws {UsageError}
 */
export function editorUrlOf(named: string): string | undefined {
  if (named === NONE) return undefined;
  const known = Object.hasOwn(EDITORS, named) ? EDITORS[named] : undefined;
  if (known !== undefined) return known;
  if (!named.includes(':'))
    throw new UsageError(`unknown editor ${named}${suggestionFor(named, EDITOR_NAMES)}`);
  if (!/^[a-z][a-z\d+.-]*:/i.test(named) || NO_EDITOR.test(named) || !named.includes('{file}'))
    throw new UsageError(`--editor may be an address such as ${EDITORS.idea}, but is ${named}`);
  return named;
}
