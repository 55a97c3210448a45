/** A stack, with the frames that are not the application's folded, and its source where it is there. */
import type { SourceLines } from '../source-lines.ts';
import { useAnswer } from './ask.ts';
import { EditorLink } from './editor.tsx';
import { placeOf, shortFile } from './format.ts';

export function Stack({ stack, traceId, cwd }: { stack: string; traceId: string; cwd: string }) {
  const frames = stack
    .split('\n')
    .map((line) => line.trim().replace(/^at /, ''))
    .filter(Boolean);
  const first = frames.find((frame) => !isForeign(frame));
  const groups = groupsOf(frames);
  return (
    <>
      <h3>Stack</h3>
      <ol class="stack">
        {groups.map(({ foreign, frames: some }) =>
          foreign ? (
            <li key={some.join()}>
              <details>
                <summary class="dim">{some.length} of dependencies and Node</summary>
                <ol>
                  {some.map((frame) => (
                    <Frame key={frame} frame={frame} cwd={cwd} />
                  ))}
                </ol>
              </details>
            </li>
          ) : (
            some.map((frame) => (
              <Frame key={frame} frame={frame} cwd={cwd}>
                {frame === first && <Source frame={frame} traceId={traceId} />}
              </Frame>
            ))
          ),
        )}
      </ol>
    </>
  );
}

function Frame({
  frame,
  cwd,
  children,
}: {
  frame: string;
  cwd: string;
  children?: preact.ComponentChildren;
}) {
  const place = placeOf(frame);
  const shown = place
    ? `${place.fn || '(anonymous)'} ${shortFile(place.file, cwd)}:${place.line}:${place.column}`
    : frame;
  return (
    <li>
      <code>{shown}</code> <EditorLink origin={frame} />
      {children}
    </li>
  );
}

function Source({ frame, traceId }: { frame: string; traceId: string }) {
  const place = placeOf(frame);
  const query = new URLSearchParams({ file: place?.file ?? '', line: String(place?.line ?? 0) });
  const { value } = useAnswer<SourceLines>(`traces/${traceId}/source?${query}`, undefined);
  if (value === undefined) return null;
  return (
    <pre class="source">
      {value.lines.map((text, index) => {
        const number = value.firstLine + index;
        const line = `${String(number).padStart(5)}  ${text}\n`;
        return number === place?.line ? <mark key={number}>{line}</mark> : line;
      })}
    </pre>
  );
}

function groupsOf(frames: readonly string[]): { foreign: boolean; frames: string[] }[] {
  const groups: { foreign: boolean; frames: string[] }[] = [];
  for (const frame of frames) {
    const foreign = isForeign(frame);
    const last = groups.at(-1);
    if (last?.foreign === foreign) last.frames.push(frame);
    else groups.push({ foreign, frames: [frame] });
  }
  return groups;
}

function isForeign(frame: string): boolean {
  return /node_modules|node:|<anonymous>/.test(frame) || placeOf(frame) === undefined;
}
