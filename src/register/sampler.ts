/** The sampler that the variables name, which the SDK makes itself unless there is one around it. */
import type { Sampler } from '@opentelemetry/sdk-trace-node';
import type { SamplerEnvironment } from './environment.ts';

type Sdk = typeof import('@opentelemetry/sdk-trace-node');

export function samplerOf({ name, ratio }: SamplerEnvironment, sdk: Sdk): Sampler {
  switch (name) {
    case 'always_on':
      return new sdk.AlwaysOnSampler();
    case 'always_off':
      return new sdk.AlwaysOffSampler();
    case 'traceidratio':
      return new sdk.TraceIdRatioBasedSampler(ratio);
    case 'parentbased_always_on':
      return new sdk.ParentBasedSampler({ root: new sdk.AlwaysOnSampler() });
    case 'parentbased_always_off':
      return new sdk.ParentBasedSampler({ root: new sdk.AlwaysOffSampler() });
    case 'parentbased_traceidratio':
      return new sdk.ParentBasedSampler({ root: new sdk.TraceIdRatioBasedSampler(ratio) });
  }
}
