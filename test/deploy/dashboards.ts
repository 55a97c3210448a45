/** What the Grafana dashboards ask Prometheus, with their variables put in as for "All". */
import { readdirSync, readFileSync } from 'node:fs';

export type Question = {
  panel: string;
  expression: string;
  /** Labels that the links of the panel's series are made of. */
  linkedLabels: string[];
};
export type Variable = { name: string; label: string; series: string };

type DataSource = { type: string; uid: string };
type Dashboard = {
  title: string;
  panels: {
    id: number;
    title: string;
    datasource: DataSource;
    targets: { expr: string }[];
    fieldConfig: { defaults: { links?: { url: string }[] } };
  }[];
  templating: { list: { name: string; type: string; definition?: string; datasource: DataSource }[] };
};

const folder = new URL('../../deploy/grafana/dashboards/', import.meta.url);

export const dashboards: readonly Dashboard[] = readdirSync(folder).map((file) =>
  JSON.parse(readFileSync(new URL(file, folder), 'utf8')),
);

export function questionsOf({ panels, templating }: Dashboard): Question[] {
  return panels.flatMap((panel) =>
    panel.targets.map(({ expr }, index) => ({
      panel: panel.title,
      expression: substitute(expr, templating),
      // A second question draws a limit, which has no links.
      linkedLabels: index === 0 ? labelsIn(panel.fieldConfig.defaults.links ?? []) : [],
    })),
  );
}

/** Each variable whose values Prometheus is asked for. */
export function variablesOf({ templating }: Dashboard): Variable[] {
  return templating.list.flatMap(({ name, type, definition }) => {
    if (type !== 'query') return [];
    const [, series, label] = /^label_values\((.+), (\w+)\)$/.exec(definition ?? '') ?? [];
    if (series === undefined || label === undefined) throw new Error(`$${name} asks for no label's values`);
    return [{ name, label, series: substitute(series, templating) }];
  });
}

function labelsIn(links: readonly { url: string }[]): string[] {
  return links.flatMap(({ url }) =>
    [...url.matchAll(/\$\{__field\.labels\.(\w+)/g)].map(([, label = '']) => label),
  );
}

function substitute(expression: string, { list }: Dashboard['templating']): string {
  // Grafana's shortest: four times the scrape interval, here a second.
  let substituted = expression.replaceAll('$__rate_interval', '20s').replaceAll('$__range', '1h');
  for (const { name } of list) substituted = substituted.replaceAll(`$${name}"`, '.*"');
  if (substituted.includes('$')) throw new Error(`an unknown variable in ${expression}`);
  return substituted;
}
