/** What the time of an outgoing operation is spent on, in the words of the semantic conventions: those of now and of before. */
import { SpanKind } from '@opentelemetry/api';
import { type SpentOn, spentOnBy } from './attributes.ts';
import type { SdkSpan } from './owned-span.ts';

export function spentOn({ kind, attributes = {} }: SdkSpan): SpentOn | undefined {
  return spentOnBy(attributes) ?? (kind === SpanKind.PRODUCER ? 'messaging' : undefined);
}

/** Where it is said what a statement does. */
const STATEMENTS = ['db.operation.name', 'db.operation', 'db.query.text', 'db.statement'] as const;
const UNDOES =
  /^\s*(?:rollback|aborttransaction|discard|unwatch|unlock|kill|select\s+pg_(?:cancel_backend|terminate_backend|advisory_unlock))/i;

/** True when it says what it asks the database for; to get a connection is not to ask for anything. */
export function hasStatement({ attributes = {} }: SdkSpan): boolean {
  return STATEMENTS.some((name) => attributes[name] !== undefined);
}

/** What is right to do after a cancel: it undoes what was begun, or stops what runs. */
export function undoes({ attributes = {} }: SdkSpan): boolean {
  return STATEMENTS.some((name) => UNDOES.test(String(attributes[name] ?? '')));
}
