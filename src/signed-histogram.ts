/**
 * Histograms of values that may be negative. Those of the SDK refuse them, though the buckets could hold them:
 * the API says that a value is expected not to be. There is no other instrument that becomes a histogram
 * without the user's own set-up of views.
 */
import type { Attributes, Histogram } from '@opentelemetry/api';

/** What the SDK's instruments share below that check, in 1.x and 2.x. */
interface Unchecked {
  _record?(value: number, attributes: Attributes): void;
}

/** Where there is no way past the check, negative values are left out: a warning for each would be worse. */
export function recordSigned(histogram: Histogram, value: number, attributes: Attributes): void {
  const unchecked = histogram as Histogram & Unchecked;
  if (typeof unchecked._record === 'function') unchecked._record(value, attributes);
  else if (value >= 0) histogram.record(value, attributes);
}
