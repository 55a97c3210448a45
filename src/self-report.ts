/**
 * What this package says of itself to `cancel-trace doctor`, which puts an ear into the process before anything else is loaded.
 * Without one nothing is kept. All copies of this package tell the same ear.
 */
import { diag } from '@opentelemetry/api';
import { PACKAGE_NAME } from './version.ts';

export const kEar: unique symbol = Symbol.for('opentelemetry-instrumentation-cancellation.doctor');

/** What is told is a function: the doctor asks when the process has been up for a while. */
export interface Ear {
  readonly instances: (() => InstanceReport)[];
  readonly registers: (() => RegisterReport)[];
  /** What is told to `diag`, or on stderr, where nobody may listen. */
  readonly complaints: Complaint[];
}

export interface Complaint {
  readonly about: Subject;
  readonly text: string;
}

/** Loaded too early; a copy of a library; an instance beside another one; spans that nobody sees; the set-up of register. */
export type Subject = 'early' | 'library' | 'second' | 'spans' | 'register';

/** Of an instance of the class, whoever has made it. */
export interface InstanceReport {
  readonly version: string;
  readonly integrations: readonly string[];
  /** Of these another instance has. */
  readonly standsBack: readonly string[];
  /** Packages that were loaded before it was switched on. */
  readonly late: readonly string[];
  /** The class of the provider that makes the spans. Undefined: nobody has set one. */
  readonly provider: string | undefined;
  /** As the provider describes it, if it does. */
  readonly sampler: string | undefined;
  /** Why nobody would find a cancel. */
  readonly invisible: readonly string[];
}

/** Of `register`. */
export interface RegisterReport {
  readonly version: string;
  readonly integrations: readonly string[];
  /** The official instrumentations, as far as they show. */
  readonly beside: readonly string[];
  /** Where spans go to: an address without what is secret in it, or the console. Undefined: another SDK exports them. */
  readonly to: readonly string[] | undefined;
  /** The one line at OTEL_LOG_LEVEL=info. */
  readonly announcement: string;
}

export function tellDoctor(report: () => InstanceReport): void {
  ear()?.instances.push(report);
}

export function tellDoctorOfRegister(report: () => RegisterReport): void {
  ear()?.registers.push(report);
}

/** A warning to the application's logger. */
export function complain(about: Subject, text: string): void {
  diag.warn(`${PACKAGE_NAME}: ${text}`);
  hearComplaint(about, text);
}

/** For what is told by another way than `diag`. */
export function hearComplaint(about: Subject, text: string): void {
  ear()?.complaints.push({ about, text });
}

function ear(): Ear | undefined {
  return (globalThis as { [kEar]?: Ear })[kEar];
}
