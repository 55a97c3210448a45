/** What a folder says of how its program is started. Only the program itself can say whether it is so. */
import { PACKAGE_NAME } from '../../version.ts';
import { type Check, note, ok, wrong } from './check.ts';
import { isPlugAndPlay, manifestIn } from './copies.ts';

export const INSTALL: string = `npm install ${PACKAGE_NAME} @opentelemetry/api`;
const PRELOAD = `--import ${PACKAGE_NAME}/register`;

export function folderChecks(folder: string, isInstalled: boolean): Check[] {
  const manifest = manifestIn(folder);
  if (manifest === undefined) {
    return [
      wrong('package', 'no package.json here', 'there is no application to look at', 'go into its folder'),
    ];
  }
  if (isPlugAndPlay(folder)) {
    return [
      note(
        'package',
        'packages are kept by Yarn PnP',
        'what is installed cannot be looked through',
        'run the program: doctor -- yarn node app.js',
      ),
    ];
  }
  const missing = wrong(
    'package',
    `${PACKAGE_NAME} is not installed here`,
    'nothing is instrumented',
    INSTALL,
  );
  return [...(isInstalled ? [] : [missing]), start(manifest.scripts), modules(manifest.type)];
}

function start(scripts: Readonly<Record<string, unknown>> = {}): Check {
  const places = Object.entries(scripts).flatMap(([name, line]) =>
    String(line).includes(PACKAGE_NAME) ? [`the script ${name}`] : [],
  );
  if (process.env.NODE_OPTIONS?.includes(PACKAGE_NAME)) places.push('NODE_OPTIONS');
  if (places.length > 0) return ok('start', `named by ${places.join(', ')}`);
  const fact = 'neither a script of package.json nor NODE_OPTIONS names this package';
  return note(
    'start',
    fact,
    'it may be set up in code',
    `ask the program: doctor -- node app.js. It is loaded by node ${PRELOAD}`,
  );
}

function modules(type: unknown): Check {
  if (type !== 'module') return ok('modules', 'files .js are CommonJS');
  return ok('modules', 'files .js are ES modules', 'no loader is needed for this package');
}
