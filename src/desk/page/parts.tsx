/** Small things that several views show. */
import type { ComponentChildren } from 'preact';
import { addressWith } from './address.ts';
import { placeOf, shortOrigin, WHO } from './format.ts';

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="note">{children}</p>;
}

/** @param columns a name that begins with `#` is one of numbers */
export function Head({ columns }: { columns: readonly string[] }) {
  return (
    <thead>
      <tr>
        {columns.map((name) => (
          <th key={name} scope="col" class={name.startsWith('#') ? 'number' : undefined}>
            {name.replace('#', '')}
          </th>
        ))}
      </tr>
    </thead>
  );
}

export function OutcomeMark({ outcome }: { outcome: string | undefined }) {
  if (outcome === undefined) return null;
  const isDeadline = outcome === 'deadline_exceeded';
  return (
    <span class={isDeadline ? 'mark deadline' : 'mark canceled'}>{isDeadline ? 'deadline' : 'canceled'}</span>
  );
}

/** `local` alone says little to somebody who sees it for the first time. */
export function Who({ initiator }: { initiator: string | undefined }) {
  if (initiator === undefined) return <>?</>;
  return <abbr title={WHO[initiator] ?? initiator}>{initiator}</abbr>;
}

/** A place in code: what it cancelled is a step away, and so is the place itself. */
export function Origin({ origin, cwd }: { origin: string | undefined; cwd: string }) {
  if (origin === undefined) return <span class="dim">no line of this side</span>;
  return (
    <span class="origin">
      <a href={addressWith({ view: 'traces', origin })} title={`Traces that ${origin} cancelled`}>
        <code>{shortOrigin(origin, cwd)}</code>
      </a>
      <EditorLink origin={origin} />
    </span>
  );
}

export function EditorLink({ origin }: { origin: string }) {
  const place = placeOf(origin);
  if (place === undefined || !place.file.startsWith('/')) return null;
  const href = `vscode://file${encodeURI(place.file)}:${place.line}:${place.column}`;
  return (
    <a class="editor" href={href} title="Open in editor" aria-label={`Open ${place.file} in the editor`}>
      ↗
    </a>
  );
}
