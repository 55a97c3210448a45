/** The options that `run` and `view` share, read and checked. */
import { MAX_SPANS } from '../desk/store.ts';
import { type Arguments, type Command, UsageError } from './arguments.ts';
import { DEFAULT_EDITOR, EDITOR_NAMES, editorUrlOf } from './editors.ts';

export const DESK_OPTIONS: Command['options'] = {
  host: { type: 'string' },
  port: { type: 'string' },
  keep: { type: 'string' },
  'max-spans': { type: 'string' },
  editor: { type: 'string' },
};

export const DESK_USAGE: string = `  --host ADDRESS   to listen on (default 127.0.0.1: whoever reaches it may read and write)
  --keep FILE      spans are appended to it before they are acknowledged, and read from it at the start
  --max-spans N    how many are held (default ${MAX_SPANS}); of more the oldest traces go
  --editor NAME    that a line of code opens in: ${EDITOR_NAMES.slice(0, -4).join(', ')},
                   ${EDITOR_NAMES.slice(-4).join(', ')} (default ${DEFAULT_EDITOR}), or an address with {file}, {line} and {column}
`;

export interface DeskSettings {
  readonly host: string;
  /** Undefined: not named. */
  readonly port: number | undefined;
  readonly keepFile: string | undefined;
  readonly maxSpans: number;
  /** Undefined: none. */
  readonly editorUrl: string | undefined;
}

/** @throws {UsageError} */
export function deskSettings({ values }: Arguments): DeskSettings {
  const maxSpans = values.get('max-spans') ?? String(MAX_SPANS);
  if (!/^[1-9]\d*$/.test(maxSpans))
    throw new UsageError(`--max-spans must be a number of spans, but is ${maxSpans}`);
  return {
    host: values.get('host') ?? '127.0.0.1',
    port: portIn(values, 'port'),
    keepFile: values.get('keep'),
    maxSpans: Number(maxSpans),
    editorUrl: editorUrlOf(values.get('editor') ?? DEFAULT_EDITOR),
  };
}

/** @throws {UsageError} */
export function portIn(values: Arguments['values'], name: string): number | undefined {
  const port = values.get(name);
  if (port === undefined) return undefined;
  if (!/^\d+$/.test(port) || Number(port) > 65_535)
    throw new UsageError(`--${name} must be a port, from 0 (any that is free) to 65535, but is ${port}`);
  return Number(port);
}
