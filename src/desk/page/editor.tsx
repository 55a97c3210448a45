/** A place in code, opened in the editor of whoever looks. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import { placeOf } from './format.ts';

/** With `{file}`, `{line}` and `{column}`; undefined: there is none. */
export const EditorUrl = createContext<string | undefined>(undefined);

export function EditorLink({ origin }: { origin: string }) {
  const template = useContext(EditorUrl);
  const place = placeOf(origin);
  if (template === undefined || place === undefined || !isAbsolute(place.file)) return null;
  const { file, line, column } = place;
  const values: Readonly<Record<string, string>> = {
    file: encodeURI(file).replace(/[?#&]/g, encodeURIComponent),
    line: String(line),
    column: String(column),
  };
  // Of a path that begins with a slash there is one already.
  const href = template
    .replace(/\/\{file\}/, file.startsWith('/') ? '{file}' : '/{file}')
    .replace(/\{(file|line|column)\}/g, (_, name: string) => values[name] ?? '');
  return (
    <a class="editor" href={href} title="Open in the editor" aria-label={`Open ${file} in the editor`}>
      ↗
    </a>
  );
}

function isAbsolute(file: string): boolean {
  return /^(\/|[a-z]:[\\/])/i.test(file);
}
