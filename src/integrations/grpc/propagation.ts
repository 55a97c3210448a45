/** Trace context in gRPC metadata. */
import type { TextMapGetter, TextMapSetter } from '@opentelemetry/api';
import type { Metadata } from './internals.ts';

export const metadataSetter: TextMapSetter<Metadata> = {
  set(metadata, key, value) {
    metadata.set(key, value);
  },
};

export const metadataGetter: TextMapGetter<Metadata> = {
  get(metadata, key) {
    const values = metadata.get(key);
    return values.length < 2 ? asText(values[0]) : values.map(String);
  },
  keys(metadata) {
    return Object.keys(metadata.getMap());
  },
};

/** Keys that end in `-bin` have a Buffer as their value. */
function asText(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}
