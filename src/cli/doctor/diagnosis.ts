/** All that the doctor looks at: in a folder, or in each process of a program. */
import { createRequire } from 'node:module';
import { PACKAGE_NAME } from '../../version.ts';
import { type Check, note, ok, wrong } from './check.ts';
import { collectorChecks } from './collector-checks.ts';
import { installedCopies, type Manifest } from './copies.ts';
import { folderChecks } from './folder-checks.ts';
import { observe } from './observe.ts';
import { named, nodeCheck, packageChecks, type Supported } from './package-checks.ts';
import { isKnown } from './packages.ts';
import { shown } from './place.ts';
import { processChecks } from './process-checks.ts';
import type { ProcessReport } from './process-report.ts';
import {
  foreignSamplerCheck,
  type Settings,
  samplerCheck,
  settingsIn,
  variableChecks,
} from './variable-checks.ts';

export interface Section {
  /** The folder, or the process. */
  readonly of: string;
  readonly checks: readonly Check[];
}

export interface Question {
  readonly isSending: boolean;
  /** How long a program is left running. */
  readonly forMs: number;
}

export async function lookAtFolder(folder: string, { isSending }: Question): Promise<Section[]> {
  const supported = await supportedVersions();
  const copies = installedCopies(folder, (name) => isKnown(name) || supported.has(name));
  const settings = settingsIn(process.env);
  const checks = [
    nodeCheck(process.version, ownManifest().engines?.node ?? '*'),
    ...folderChecks(folder, named(copies, PACKAGE_NAME).length > 0),
    ...packageChecks(copies, supported, 'installed'),
    ...variableChecks(settings),
    ...(await exportChecks(settings, process.env, isSending)),
  ];
  return [{ of: shown(folder), checks }];
}

export async function lookAtProgram(
  command: readonly string[],
  { isSending, forMs }: Question,
): Promise<Section[]> {
  const { reports, ended, isKilled } = await observe(command, forMs);
  const supported = await supportedVersions();
  const sections: Section[] = [];
  for (const report of reports.filter((one) => !isLauncher(one, reports))) {
    const checks = await lookAtProcess(report, supported, isSending);
    sections.push({
      of: `process ${report.pid}${report.script === undefined ? '' : `, ${shown(report.script)}`}`,
      checks,
    });
  }
  const end = endChecks(ended, isKilled, reports.length > 0);
  return end.length === 0 ? sections : [...sections, { of: command.join(' '), checks: end }];
}

async function lookAtProcess(
  report: ProcessReport,
  supported: Supported,
  isSending: boolean,
): Promise<Check[]> {
  const { node, packages, variables, instances, registers } = report;
  const settings = settingsIn(variables);
  const [register] = registers;
  const isOurs = register?.to !== undefined;
  const known = packages.filter(({ name }) => isKnown(name) || supported.has(name));
  const checks = [
    nodeCheck(node, ownManifest().engines?.node ?? '*'),
    ...processChecks(report, (complaint) => settings.complaints.includes(complaint)),
    ...packageChecks(known, supported, 'loaded'),
    ...variableChecks(settings),
  ];
  if (isOurs) return [...checks, ...(await exportChecks(settings, variables, isSending))];
  const [instance] = instances;
  if (instance?.provider === undefined) return checks;
  return [
    ...checks,
    foreignSamplerCheck(instance.sampler),
    ...(await foreignExportChecks(report, settings, isSending)),
  ];
}

/** Of the SDK of register. */
async function exportChecks(
  settings: Settings,
  variables: NodeJS.ProcessEnv,
  isSending: boolean,
): Promise<Check[]> {
  const { environment } = settings;
  if (environment.isDisabled) return [];
  const { exporters, endpoints } = environment;
  const checks = [samplerCheck(environment)];
  if (exporters.includes('console')) checks.push(ok('exporter', 'spans are printed'));
  if (exporters.includes('otlp'))
    checks.push(...(await collectorChecks(endpoints.traces, variables, isSending)));
  if (exporters.length > 0) return checks;
  return [
    ...checks,
    wrong(
      'exporter',
      'OTEL_TRACES_EXPORTER names none',
      'spans go nowhere',
      'unset it, or set it to otlp or console',
    ),
  ];
}

/** Of the application's: where it exports to is in its code. What the variables name is where most of them do. */
async function foreignExportChecks(
  { packages }: ProcessReport,
  { environment }: Settings,
  isSending: boolean,
): Promise<Check[]> {
  const isHttp = packages.some(({ name }) => /^@opentelemetry\/exporter-trace-otlp-(http|proto)$/.test(name));
  const fact = 'spans are exported by the SDK of the application';
  if (!isHttp) return [note('exporter', fact, 'where to is in its set-up')];
  const checks = await collectorChecks(environment.endpoints.traces, process.env, isSending);
  return checks.map((check) => {
    if (check.status !== 'wrong') return check;
    return { ...check, status: 'note', meaning: `${check.meaning}. ${fact}: it may name another address` };
  });
}

/** A package manager, or what only starts the program: nobody wants to have it instrumented. */
function isLauncher(
  { pid, script = '', instances }: ProcessReport,
  reports: readonly ProcessReport[],
): boolean {
  if (reports.length === 1) return false;
  if (/[\\/](npm|npx|pnpm|yarn|corepack)(-cli)?(\.\w+)?$/.test(script)) return true;
  return instances.length === 0 && reports.some(({ parent }) => parent === pid);
}

function endChecks(ended: string | undefined, isKilled: boolean, isNode: boolean): Check[] {
  const checks: Check[] = [];
  if (!isNode)
    checks.push(
      wrong(
        'program',
        'no Node.js process of it has reported',
        'nothing was seen of it',
        'does it start Node.js, and pass NODE_OPTIONS on?',
      ),
    );
  if (isKilled)
    checks.push(
      note(
        'program',
        'it did not end by SIGTERM, and was killed',
        'spans of its last moments may be lost',
        'let it end by that signal',
      ),
    );
  if (ended === '0')
    checks.push(note('program', 'it has ended by itself', 'what it would have loaded later was not seen'));
  else if (ended !== undefined)
    checks.push(note('program', `it has ended by itself with ${ended}`, 'its own words are above'));
  return checks;
}

function ownManifest(): Manifest {
  return createRequire(import.meta.url)(`${PACKAGE_NAME}/package.json`) as Manifest;
}

/** None where the package cannot be loaded, since the API is missing. */
async function supportedVersions(): Promise<Supported> {
  try {
    const { defaultIntegrations } = (await import(String(PACKAGE_NAME))) as typeof import('../../index.ts');
    const files = defaultIntegrations.flatMap(({ files = [] }) => files);
    return new Map(files.map(({ packageName }) => [packageName, rangesOf(files, packageName)]));
  } catch {
    return new Map();
  }
}

function rangesOf(
  files: readonly { packageName: string; supportedVersions: readonly string[] }[],
  name: string,
): string[] {
  return [...new Set(files.flatMap((file) => (file.packageName === name ? file.supportedVersions : [])))];
}
