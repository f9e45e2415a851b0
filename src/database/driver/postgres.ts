import type { Statement } from '../statement-builders.ts';
import { batchReads } from './batched-reads.ts';
import type { Driver } from './contract.ts';
import { commitSteps, GuardFailed } from './group-commit.ts';
import { PostgresPipeline, type Query } from './postgres-pipeline.ts';
import type { Step } from './steps.ts';

const NOT_A_NUMBER = '22P02';

/** The prepared queries of each statement: at index 0 the one with a guard, then one for each number of rows or readings. */
const prepared = new WeakMap<Statement, Pick<Query, 'name' | 'text'>[]>();
let count = 0;

/**
 * PostgreSQL is not asked whether a guarded write touched a row, because that would take a round trip. Instead, a write
 * that touched none reads the name of its guard as a number: the error undoes the transaction and names the guard.
 */
function guarded(statement: Statement): string {
  const write = statement.sql('postgres');
  const guard = `$${statement.names.length + 1}`;
  return `WITH w AS (${write} RETURNING 1) SELECT (SELECT CASE WHEN count(*) > 0 THEN '1' ELSE ${guard} END FROM w)::int`;
}

function toQuery({ statement, times, values, guard }: Step): Query {
  const own = prepared.get(statement) ?? [];
  prepared.set(statement, own);
  const index = guard === undefined ? times : 0;
  own[index] ??= {
    name: `latchkey_${count++}`,
    text: index === 0 ? guarded(statement) : statement.sql('postgres', times),
  };
  const { name, text } = own[index];
  return { name, text, values: guard === undefined ? values : [...values, `guard:${guard}`] };
}

/** @throws GuardFailed when a guarded statement said so */
function toGuardFailed(error: { code?: string; message?: string }): never {
  const guard = error.code === NOT_A_NUMBER ? /"guard:(\w+)"/.exec(error.message ?? '')?.[1] : undefined;
  throw guard === undefined ? error : new GuardFailed(guard);
}

/** Pipelined connections beside Knex's pool. What is asked in one turn of the event loop is sent in one go. */
export function createPostgresDriver(url: string, connections: number): Driver {
  const pipeline = new PostgresPipeline(url, connections);
  return {
    readOne: batchReads('postgres', (steps) => pipeline.send(steps.map(toQuery))),
    commit: commitSteps('postgres', (steps) => pipeline.send(steps.map(toQuery), true).catch(toGuardFailed)),
    shrink: () => pipeline.shrink(),
    close: () => pipeline.close(),
  };
}
