/** The official instrumentation takes a cancel for an error, and the number of a DOMException (23) for its type. */
import type { AttributeValue, Span } from '@opentelemetry/api';
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';

/** Sets the type, and keeps its own instrumentation from setting another. @param errorType undefined: none at all */
export function keepErrorType(span: Span, errorType: string | undefined): void {
  if (!span.isRecording()) return;
  if (errorType !== undefined) span.setAttribute(ATTR_ERROR_TYPE, errorType);
  const original = span.setAttribute;
  Object.defineProperty(span, 'setAttribute', {
    value: function setAttribute(this: Span, key: string, value: AttributeValue): Span {
      return key === ATTR_ERROR_TYPE ? this : Reflect.apply(original, this, [key, value]);
    },
    configurable: true,
    writable: true,
  });
}
