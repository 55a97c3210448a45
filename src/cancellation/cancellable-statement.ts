/**
 * Which statements of a database may be cancelled with the request that they are for. By how they begin, and only asked
 * when that request is cancelled.
 *
 * One statement that reads or writes data: the database undoes it as a whole. All others are left alone, whose end the
 * application has to see: COMMIT and ROLLBACK, settings of a connection that others use next (SET, LISTEN), procedures
 * and blocks, which may commit by themselves (CALL, DO), several statements in one text, changes of the schema.
 */
export function isCancellable(sql: unknown): boolean {
  return typeof sql === 'string' && STARTS_WITH_DATA.test(sql) && !SEVERAL.test(sql);
}

const COMMENT = String.raw`--[^\n]*(?:\n|$)|/\*[\s\S]*?\*/`;
const STARTS_WITH_DATA = new RegExp(
  String.raw`^(?:[\s(]|${COMMENT})*(?:select|with|values|table|insert|replace|update|delete|merge|copy)\b`,
  'i',
);
/** Also one whose text has a semicolon in a literal, which is then left alone. */
const SEVERAL = /;\s*\S/;
