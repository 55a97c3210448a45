/** What is told from inside of a program that the doctor runs. Facts only: what they mean, the doctor says. */
import type { Complaint, InstanceReport, RegisterReport } from '../../self-report.ts';

/** The variable that has the order, as JSON. */
export const DOCTOR_VARIABLE = 'CANCEL_TRACE_DOCTOR';

export interface InspectorOrder {
  /** Where each process puts its report, by its id. */
  readonly folder: string;
  /** When to tell, as Unix time: all processes of a command at once. */
  readonly atMs: number;
}

/** A copy of a package of which a file is loaded. */
export interface LoadedPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** Its place among those that were loaded as CommonJS, first ones first. Undefined: as ES modules only. */
  readonly place: number | undefined;
}

export interface ProcessReport {
  readonly pid: number;
  readonly parent: number;
  /** It was told at the end of the process. */
  readonly isEnding: boolean;
  readonly node: string;
  readonly cwd: string;
  /** Undefined: none, as with --eval. */
  readonly script: string | undefined;
  /** Of the script. */
  readonly isModule: boolean;
  /** Those of OpenTelemetry, and NODE_OPTIONS. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  /** Of the copy of `@opentelemetry/api` that was the first to set something. */
  readonly apiVersion: string | undefined;
  readonly packages: readonly LoadedPackage[];
  /**
   * How many ES modules the loader hooks of `import-in-the-middle` have handed on, by which the official instrumentations see
   * them. Undefined: that package is not loaded.
   */
  readonly hookedImports: number | undefined;
  readonly instances: readonly InstanceReport[];
  readonly registers: readonly RegisterReport[];
  readonly complaints: readonly Complaint[];
}
