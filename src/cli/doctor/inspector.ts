/**
 * Inside of a program that the doctor runs, preloaded by --require: says once what is loaded, and what this package says of
 * itself. It replaces nothing, and looks only at that moment: after a while, or when the process ends before.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { type Ear, kEar } from '../../self-report.ts';
import {
  DOCTOR_VARIABLE,
  type InspectorOrder,
  type LoadedPackage,
  type ProcessReport,
} from './process-report.ts';

/** In which all copies of @opentelemetry/api register. */
const kApi: unique symbol = Symbol.for('opentelemetry.js.api.1');
type Global = typeof globalThis & { readonly [kApi]?: { readonly version?: string } };
/** All files share it. */
const { cache } = createRequire(process.execPath);

const order = process.env[DOCTOR_VARIABLE];
if (isMainThread && order !== undefined) {
  const { folder, atMs } = JSON.parse(order) as InspectorOrder;
  const ear: Ear = { instances: [], registers: [], complaints: [] };
  Object.defineProperty(globalThis, kEar, { value: ear });
  const tell = (isEnding: boolean): void => {
    clearTimeout(timer);
    process.removeListener('exit', tellAtEnd);
    const file = join(folder, String(process.pid));
    // As a whole, or not at all: the doctor may look at any time.
    writeFileSync(file, JSON.stringify(reportOf(ear, isEnding)));
    renameSync(file, `${file}.json`);
  };
  const tellAtEnd = (): void => tell(true);
  const timer = setTimeout(tell, atMs - Date.now(), false).unref();
  process.on('exit', tellAtEnd);
}

function reportOf({ instances, registers, complaints }: Ear, isEnding: boolean): ProcessReport {
  const { argv, env, pid, ppid, version } = process;
  return {
    pid,
    parent: ppid,
    isEnding,
    node: version,
    cwd: process.cwd(),
    script: argv[1],
    isModule: argv[1] !== undefined && process.mainModule === undefined,
    variables: Object.fromEntries(
      Object.entries(env).filter(([name]) => name.startsWith('OTEL_') || name === 'NODE_OPTIONS'),
    ),
    apiVersion: (globalThis as Global)[kApi]?.version,
    packages: loadedPackages(),
    hookedImports: hookedImports(),
    instances: instances.map((report) => report()),
    registers: registers.map((report) => report()),
    complaints,
  };
}

/** That it is loaded says nothing of the program. */
const OWN_FILE = /[\\/]cli[\\/]inspector\.cjs$/;

function loadedPackages(): LoadedPackage[] {
  const packages = new Map<string, LoadedPackage>();
  const add = (file: string, place: number | undefined): void => {
    const found = packageOf(dirname(file));
    if (found !== undefined && !packages.has(found.folder)) packages.set(found.folder, { ...found, place });
  };
  for (const [place, file] of Object.keys(cache).entries()) if (!OWN_FILE.test(file)) add(file, place);
  for (const url of scripts()) {
    if (url.startsWith('file://') && !OWN_FILE.test(url)) add(fileURLToPath(url), undefined);
  }
  return [...packages.values()];
}

/** Files of ES modules are in no cache that could be read. V8 knows them, and tells who asks it as a debugger, in this turn. */
function scripts(): string[] {
  const urls: string[] = [];
  const session = new Session();
  session.on('Debugger.scriptParsed', ({ params }) => urls.push(params.url));
  session.connect();
  session.post('Debugger.enable');
  session.disconnect();
  return urls;
}

const folders = new Map<string, Omit<LoadedPackage, 'place'> | undefined>();

/** The nearest folder above that has a manifest with a name and a version. */
function packageOf(folder: string): Omit<LoadedPackage, 'place'> | undefined {
  if (folders.has(folder)) return folders.get(folder);
  const parent = dirname(folder);
  const found = manifestOf(folder) ?? (parent === folder ? undefined : packageOf(parent));
  folders.set(folder, found);
  return found;
}

function manifestOf(folder: string): Omit<LoadedPackage, 'place'> | undefined {
  try {
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return typeof name === 'string' && typeof version === 'string' ? { name, version, folder } : undefined;
  } catch {
    return undefined;
  }
}

/** Of all copies. Its register.js has a list of them. */
function hookedImports(): number | undefined {
  const lists = Object.entries(cache).flatMap(([file, module]) =>
    /import-in-the-middle[\\/]lib[\\/]register\.js$/.test(file) ? [module?.exports?.toHook] : [],
  );
  if (lists.length === 0) return undefined;
  return lists.reduce((sum: number, list: unknown) => sum + (Array.isArray(list) ? list.length : 0), 0);
}
