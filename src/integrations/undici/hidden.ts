/** What undici keeps of its objects, under symbols of which every copy of it has its own: 6 to 8 name them alike. */

/** @returns undefined when there is no such thing */
export function hidden(object: unknown, description: string): unknown {
  if (typeof object !== 'object' || object === null) return undefined;
  const key = Object.getOwnPropertySymbols(object).find((own) => own.description === description);
  return key && Reflect.get(object, key);
}
