/** What is told from inside of a process: what is instrumented, what came too early, who makes the spans. */
import { PACKAGE_NAME } from '../../version.ts';
import { type Check, note, ok, wrong } from './check.ts';
import { INSTALL } from './folder-checks.ts';
import { isRefused, named } from './package-checks.ts';
import { API, isOfficial, targetOf } from './packages.ts';
import { shown } from './place.ts';
import type { ProcessReport } from './process-report.ts';

/** @param isSaid complaints that are told of elsewhere */
export function processChecks(report: ProcessReport, isSaid: (complaint: string) => boolean): Check[] {
  return [
    ...start(report),
    ...early(report),
    ...refusedApis(report),
    modules(report),
    ...spans(report, isSaid),
  ];
}

function start({ instances, registers, packages }: ProcessReport): Check[] {
  const [instance] = instances;
  if (instance === undefined) {
    if (named(packages, PACKAGE_NAME).length === 0) {
      const toDo = `node --import ${PACKAGE_NAME}/register app.js, after: ${INSTALL}`;
      return [wrong('start', `${PACKAGE_NAME} is not loaded`, 'nothing is instrumented', toDo)];
    }
    const meaning = 'register has not started, or the class was not made: what it has said is above';
    return [wrong('start', `${PACKAGE_NAME} is loaded, and instruments nothing`, meaning)];
  }
  const told = registers.map(({ announcement }) => `register ${announcement}`);
  const own = instances.slice(registers.length);
  const made = own.map(
    ({ version, integrations }) => `the class ${version} instruments ${integrations.join(', ') || 'nothing'}`,
  );
  return [...told, ...made].map((fact) => ok('start', fact));
}

function early({ complaints, instances, packages }: ProcessReport): Check[] {
  const missed = complaints.filter(({ about }) => about === 'early');
  const late = [...new Set(instances.flatMap((instance) => instance.late))];
  const seen = late.filter((name) => !missed.some(({ text }) => text.startsWith(`${name} `)));
  const toDo = 'set this package up before anything else is loaded, by --import or --require';
  const unseen = packages.flatMap(({ name, version, place }) => {
    const target = targetOf(name);
    const first = packages.find((other) => other.name === target && other.place !== undefined);
    if (place === undefined || first?.place === undefined || first.place > place) return [];
    const fact = `${first.name} ${first.version} was loaded before ${name} ${version}`;
    return [
      note(
        'early',
        fact,
        'that one does not see it, and makes no spans of it',
        'set that one up before, by --import or --require',
      ),
    ];
  });
  return [
    // It may have missed nothing, unless the one that it names is there.
    ...missed.map(({ text }) => {
      const isThere = packages.some(({ name }) => isOfficial(name) && text.includes(name));
      return (isThere ? wrong : note)('early', text, undefined, toDo);
    }),
    ...(seen.length === 0
      ? []
      : [ok('early', `${seen.join(', ')} came before this package`, 'seen all the same')]),
    ...unseen,
    ...(instances.length === 0 || missed.length + late.length + unseen.length > 0
      ? []
      : [ok('early', 'nothing was loaded before this package that it instruments')]),
  ];
}

/** Copies of the API that have no part in what is set up. */
function refusedApis({ apiVersion, packages }: ProcessReport): Check[] {
  if (apiVersion === undefined) return [];
  return named(packages, API)
    .filter(({ version }) => isRefused(version, apiVersion))
    .map(({ version, folder }) => {
      const fact = `${API} ${version} (${shown(folder)}) is refused: ${apiVersion} came first`;
      return wrong(
        'api',
        fact,
        'what uses that copy makes no spans and has no context',
        `install one version of it: npm ls ${API}`,
      );
    });
}

function modules({ isModule, script, packages, hookedImports = 0 }: ProcessReport): Check {
  const fact =
    script === undefined
      ? 'the program is no file'
      : `${shown(script)} is ${isModule ? 'an ES module' : 'CommonJS'}`;
  const blind = packages.filter(({ name }) => isOfficial(name) && targetOf(name) !== 'undici');
  if (!isModule || hookedImports > 0 || blind.length === 0) return ok('modules', fact);
  const names = [...new Set(blind.map(({ name }) => name))].join(', ');
  return note(
    'modules',
    `${fact}, and no loader hooks are there for ${names}`,
    'they may not see what is imported: then the spans are those of this package',
    'node --experimental-loader=@opentelemetry/instrumentation/hook.mjs',
  );
}

function spans(
  { complaints, instances, registers }: ProcessReport,
  isSaid: (complaint: string) => boolean,
): Check[] {
  const others = complaints.filter(({ about, text }) => about !== 'early' && !isSaid(text));
  const invisible = instances.flatMap((instance) => instance.invisible);
  const told = new Set(others.map(({ text }) => text));
  const provider = registers.some(({ to }) => to !== undefined) ? undefined : instances[0]?.provider;
  return [
    ...others.map(({ about, text }) =>
      about === 'second' ? note('start', text) : wrong(about === 'library' ? 'library' : 'spans', text),
    ),
    ...[...new Set(invisible)].filter((reason) => !told.has(reason)).map((reason) => wrong('spans', reason)),
    ...(provider === undefined ? [] : [ok('spans', `made by ${provider}`)]),
  ];
}
