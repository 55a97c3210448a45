/** The registry as it is written: groups of attributes, spans, events and metrics, in YAML. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

/** One for each part of docs/telemetry.md, in the order of what is made of them. */
export const FILES = [
  'cancel',
  'deadline',
  'work-after-cancel',
  'pending',
  'finding',
  'async',
  'shutdown',
  'metrics',
];

type Level = string | Readonly<Record<string, string>>;

/** What has annotations, has them for what the format has no place for. */
interface Described {
  readonly brief?: string;
  /** What the documentation says; where there is none, that is the brief. */
  readonly note?: string;
  readonly stability?: string;
}

export interface Member extends Described {
  readonly id: string;
  readonly value: string;
  /** The cells of a table, by its column. */
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Definition {
  readonly id: string;
  readonly type: string | { readonly members: readonly Member[] };
  readonly examples?: unknown;
  readonly requirement_level?: Level;
  readonly annotations?: {
    readonly unit?: string;
    /** What else is known of its values. */
    readonly values?: string;
    /** Of a constant that is not called as the attribute is; with a dot, a key of an object. */
    readonly constant?: string;
  };
}
export type Attribute = Definition & Described;
export type Reference = { readonly ref: string; readonly requirement_level?: Level } & Described;

export interface Group extends Described {
  readonly id: string;
  readonly type: 'attribute_group' | 'span' | 'event' | 'metric';
  readonly attributes: readonly (Attribute | Reference)[];
  /** Of a span: its name. */
  readonly display_name?: string;
  readonly span_kind?: string;
  /** Of an event. */
  readonly name?: string;
  readonly metric_name?: string;
  readonly instrument?: string;
  readonly unit?: string;
  /** The cells of a table, by its column. */
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface Registry {
  readonly groups: readonly Group[];
  /** By id: those that are defined here, and not by OpenTelemetry. */
  readonly attributes: ReadonlyMap<string, Attribute>;
}

export function readRegistry(folder: string): Registry {
  const groups = FILES.flatMap((name) => {
    const { groups } = parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')) as { groups: Group[] };
    return groups;
  });
  const defined = groups.flatMap(({ attributes }) => attributes.filter((attribute) => 'id' in attribute));
  return { groups, attributes: new Map(defined.map((attribute) => [attribute.id, attribute])) };
}

export function idOf(attribute: Attribute | Reference): string {
  return 'ref' in attribute ? attribute.ref : attribute.id;
}

/** As OpenTelemetry calls it. */
export function typeOf({ type }: Attribute): string {
  return typeof type === 'string' ? type : 'string';
}

export function membersOf({ type }: Attribute): readonly Member[] {
  return typeof type === 'string' ? [] : type.members;
}
