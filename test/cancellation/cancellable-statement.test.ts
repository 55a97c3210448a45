import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isCancellable } from '../../src/cancellation/cancellable-statement.ts';

for (const sql of [
  'select 1',
  '  SELECT 1 ;  ',
  '(select 1) union (select 2)',
  '-- who asks\nselect 1',
  '/* route="/orders" */ /* twice */ with a as (select 1) delete from b',
  'INSERT INTO a VALUES (1)',
  'copy a from stdin',
])
  it(`one statement of data: ${sql}`, () => assert.ok(isCancellable(sql)));

for (const sql of [
  'commit',
  'begin; update a set b = 1; commit',
  'select 1; commit',
  'set search_path to a',
  'call book()',
  'do $$ begin commit; end $$',
  'selection',
  'create table a as select 1',
  '-- select 1',
  '',
  undefined,
])
  it(`the application has to see its end: ${sql}`, () => assert.ok(!isCancellable(sql)));
