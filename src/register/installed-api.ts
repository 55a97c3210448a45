/** The one package that must be installed beside this one: `@opentelemetry/api`, which all SDKs of a process share. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const API = '@opentelemetry/api';
/** Versions from 1.9 on, below 2. */
const ACCEPTED = /^1\.(9|[1-9]\d+)\./;
const TO_DO = `Install it with: npm install ${API}`;

/** @returns what is wrong and what to do, if anything is */
export function missingApi({ resolve }: NodeJS.Require): string | undefined {
  let file: string;
  try {
    file = resolve(API);
  } catch {
    return `the package ${API} is missing. ${TO_DO}`;
  }
  const version = versionOf(file);
  if (version === undefined || ACCEPTED.test(version)) return undefined;
  return `${API} is ${version}, and must be 1.9 or newer. ${TO_DO}@^1.9.0`;
}

/** Its package.json is not exported, so it is looked for above its main file. */
function versionOf(file: string): string | undefined {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'));
    if (name === API) return version;
  }
  return undefined;
}
