/** The OTEL_* variables, as register reads them: bad ones, and a sampler by which cancels are lost. */
import { type Environment, readEnvironment, type SamplerEnvironment } from '../../register/environment.ts';
import type { Variables } from '../../register/variables.ts';
import { type Check, note, ok, wrong } from './check.ts';

const KEEP = 'OTEL_INSTRUMENTATION_CANCELLATION_KEEP_CANCELLED=true';
const IN_CODE =
  'wrap it: new CancellationSampler(…), and its processor by CancellationSpanProcessor: docs/telemetry.md#with-head-sampling';

export interface Settings {
  readonly environment: Environment;
  /** What is wrong with them, in the words of register. */
  readonly complaints: readonly string[];
}

export function settingsIn(variables: Variables): Settings {
  const complaints: string[] = [];
  const environment = readEnvironment(variables, (complaint) => complaints.push(complaint));
  return { environment, complaints };
}

export function variableChecks({ environment, complaints }: Settings): Check[] {
  if (environment.isDisabled) {
    return [wrong('variables', 'OTEL_SDK_DISABLED is true', 'nothing is instrumented', 'unset it')];
  }
  if (complaints.length === 0) return [ok('variables', 'all OTEL_* variables that are set can be read')];
  return complaints.map((complaint) => wrong('variables', complaint));
}

/** Of the SDK of register. */
export function samplerCheck({ sampler, keepsCancelled }: Environment): Check {
  const { name, ratio } = sampler;
  const fact = `the sampler is ${name}${name.endsWith('ratio') ? ` with ${ratio}` : ''}`;
  const lost = lostBy(sampler);
  if (lost === undefined) return ok('sampler', fact, 'cancels are kept');
  if (keepsCancelled) return ok('sampler', fact, `cancels are kept all the same, by ${KEEP}`);
  return wrong('sampler', fact, `${lost}, and the cancels in them`, `${KEEP} keeps those`);
}

function lostBy({ name, ratio }: SamplerEnvironment): string | undefined {
  if (name.endsWith('always_off')) return 'all traces that begin here are dropped';
  if (!name.endsWith('ratio') || ratio === 1) return undefined;
  return `${Math.round((1 - ratio) * 1_000) / 10} % of the traces that begin here are dropped`;
}

/**
 * Of an SDK that the application has set up.
 * @param sampler as it describes itself
 */
export function foreignSamplerCheck(sampler: string | undefined): Check {
  if (sampler === undefined) {
    return note(
      'sampler',
      'the SDK of the application does not tell its sampler',
      'of what it drops, cancels are dropped, too',
      IN_CODE,
    );
  }
  const fact = `the sampler is ${sampler}`;
  if (sampler.startsWith('CancellationSampler{')) return ok('sampler', fact, 'cancels are kept');
  // What follows decides on traces that others have begun.
  const root = /^ParentBased\{root=(.*?)(, remoteParent|\}$)/.exec(sampler)?.[1] ?? sampler;
  if (root === 'AlwaysOnSampler') return ok('sampler', fact, 'cancels are kept');
  if (root === 'AlwaysOffSampler')
    return wrong(
      'sampler',
      fact,
      `${lostBy({ name: 'always_off', ratio: 0 })}, and the cancels in them`,
      IN_CODE,
    );
  const ratio = /^TraceIdRatioBased\{([\d.e-]+)\}$/.exec(root)?.[1];
  const lost = ratio === undefined ? undefined : lostBy({ name: 'traceidratio', ratio: Number(ratio) });
  if (ratio === undefined)
    return note('sampler', fact, 'of what it drops, cancels are dropped, too', IN_CODE);
  if (lost === undefined) return ok('sampler', fact, 'cancels are kept');
  return wrong('sampler', fact, `${lost}, and the cancels in them`, IN_CODE);
}
