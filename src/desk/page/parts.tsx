/** Small things that several views show. */
import type { ComponentChildren } from 'preact';
import { addressWith } from './address.ts';
import { EditorLink } from './editor.tsx';
import { shortOrigin, WHO } from './format.ts';

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

/** A line that cancelled: what it cancelled is a step away. */
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

export function Place({ origin, cwd }: { origin: string; cwd: string }) {
  return (
    <span class="origin">
      <code>{shortOrigin(origin, cwd)}</code>
      <EditorLink origin={origin} />
    </span>
  );
}
