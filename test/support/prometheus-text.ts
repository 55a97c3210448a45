/** Reads what Prometheus would scrape. */

export type Series = { name: string; labels: Record<string, string>; value: number };

export async function scrape(url: string): Promise<Series[]> {
  const response = await fetch(url);
  const body = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${body}`);
  return body.split('\n').flatMap((line) => {
    const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*?)\})? ([-+\d.eE]+|NaN|[+-]Inf)\b/.exec(line);
    if (parts === null) return []; // a comment
    const [, name = '', labels = '', value] = parts;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
    return [{ name, labels: Object.fromEntries(pairs), value: Number(value) }];
  });
}

/** Of those that have all of these labels. */
export function sum(series: readonly Series[], name: string, labels: Record<string, string>): number {
  return series
    .filter((one) => one.name === name)
    .filter((one) => Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((total, { value }) => total + value, 0);
}
