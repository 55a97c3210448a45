/** Texts may carry secrets and personal data: what the application wants to be left out of them. */
import type { Attributes } from '@opentelemetry/api';
import type { Redact } from '../config.ts';
import { sayOnce } from './say-once.ts';

/** What is written in the place of given attributes. */
export type Redaction = (attributes: Attributes) => Attributes;

/** @param redact without it nothing is looked at */
export function redactionBy(redact: Redact | undefined): Redaction {
  if (redact === undefined) return (attributes) => attributes;
  const redactOne = (key: string, value: string): string | undefined => {
    try {
      const redacted: unknown = redact(key, value);
      return typeof redacted === 'string' ? redacted : undefined;
    } catch (error) {
      // Rather nothing than what was to be left out.
      sayOnce(`the option "redact" throws, and the texts that it throws for are left out: ${error}`);
      return undefined;
    }
  };
  return (attributes) => {
    const redacted: Attributes = {};
    for (const [key, value] of Object.entries(attributes)) {
      redacted[key] = typeof value === 'string' ? redactOne(key, value) : value;
    }
    return redacted;
  };
}
