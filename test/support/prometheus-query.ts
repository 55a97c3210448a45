/** Asks Prometheus and Alertmanager for what they know now. */

export type Rule = { name: string; lastError?: string };
export type Alert = { labels: Record<string, string>; annotations: Record<string, string> };
export type Sample = { labels: Record<string, string>; value: number };

export async function query(url: string, expression: string): Promise<Sample[]> {
  const answer = (await ask(url, '/api/v1/query', { query: expression })) as {
    result: { metric: Record<string, string>; value: [number, string] }[];
  };
  return answer.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}

export async function labelValues(url: string, series: string, label: string): Promise<string[]> {
  return (await ask(url, `/api/v1/label/${label}/values`, { 'match[]': series })) as string[];
}

/** Trace ids of the last minute's exemplars. */
export async function exemplarTraceIds(url: string, expression: string): Promise<string[]> {
  const end = Date.now() / 1_000;
  const series = (await ask(url, '/api/v1/query_exemplars', {
    query: expression,
    start: String(end - 60),
    end: String(end),
  })) as { exemplars: { labels: { trace_id?: string } }[] }[];
  return series.flatMap(({ exemplars }) => exemplars.flatMap(({ labels }) => labels.trace_id ?? []));
}

/** All rules that Prometheus evaluates. */
export async function rulesOf(url: string): Promise<Rule[]> {
  const { groups } = (await ask(url, '/api/v1/rules', {})) as { groups: { rules: Rule[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** What Alertmanager has been told and not been told the end of. */
export async function firingAlerts(alertmanagerUrl: string): Promise<Alert[]> {
  return (await (await fetch(`${alertmanagerUrl}/api/v2/alerts?active=true`)).json()) as Alert[];
}

async function ask(url: string, path: string, parameters: Record<string, string>): Promise<unknown> {
  const response = await fetch(new URL(`${path}?${new URLSearchParams(parameters)}`, url));
  const answer = (await response.json()) as { status: string; error?: string; data?: unknown };
  if (answer.status !== 'success')
    throw new Error(`Prometheus refused ${parameters.query ?? path}: ${answer.error}`);
  return answer.data;
}
