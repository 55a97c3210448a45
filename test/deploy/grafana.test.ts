/** What can be known of Grafana's files without a Grafana. What its panels ask is asked in stack.test.ts. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { dashboards } from './dashboards.ts';

const deployed = (path: string): string =>
  readFileSync(new URL(`../../deploy/grafana/${path}`, import.meta.url), 'utf8');
const { datasources }: { datasources: { uid: string; type: string; jsonData?: JsonData }[] } = parse(
  deployed('provisioning/datasources/datasources.yml'),
);
type JsonData = { exemplarTraceIdDestinations?: { datasourceUid: string }[] };
const types = new Map(datasources.map(({ uid, type }) => [uid, type]));

describe("Grafana's data sources", () => {
  it('exemplars open in one that is there', () => {
    const destinations = datasources.flatMap(({ jsonData }) => jsonData?.exemplarTraceIdDestinations ?? []);
    assert.deepEqual(
      destinations.map(({ datasourceUid }) => types.get(datasourceUid)),
      ['jaeger'],
    );
  });

  for (const { title, panels, templating } of dashboards) {
    it(`"${title}" asks such as are there, in panels with ids of their own`, () => {
      const variables = templating.list.filter(({ type }) => type === 'query');
      for (const { datasource } of [...panels, ...variables]) {
        assert.equal(types.get(datasource.uid), datasource.type);
      }
      assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
    });
  }
});
