import { hash } from 'node:crypto';
import { bind, type Write } from '../writes.ts';
import { readInStep, type Select } from './batched-reads.ts';
import type { Driver } from './contract.ts';
import { inStep } from './group-commit.ts';
import { forRows } from './many-rows.ts';
import { memo } from './memo.ts';
import { Connections, type Named } from './postgres-pipeline.ts';
import { type Step, stepsOf } from './steps.ts';

const NOT_A_NUMBER = '22P02';
const GUARD_FAILED = /"guard:(\w+)"/;

/** `?` to `$1…`, under a name, so that the server parses and plans each statement once for a connection. */
function named(sql: string): Named {
  let index = 0;
  const text = sql.replaceAll('?', () => `$${++index}`);
  return { name: hash('sha256', text, 'base64url').slice(0, 20), text };
}

const plain = new Map<string, Named>();
const guarded = new Map<string, Map<string, Named>>();

/** A guard that touched no row is a number that does not parse and says which guard: the whole transaction is undone. */
const guardedSql = (sql: string, guard: string) =>
  `WITH w AS (${sql} RETURNING 1) SELECT (SELECT CASE WHEN count(*) > 0 THEN '1' ELSE 'guard:${guard}' END FROM w)::int`;

function statementOf({ sql, rows, guard }: Step): Named {
  if (guard === undefined) return statement(forRows(sql, rows));
  const ofGuard = memo(guarded, guard, () => new Map<string, Named>());
  return memo(ofGuard, sql, () => named(guardedSql(sql, guard)));
}

const statement = (sql: string) => memo(plain, sql, () => named(sql));

/**
 * Pipelined connections beside Knex's pool, so that none waits for an answer before the next is sent. What is read in
 * one turn of the event loop is one message to the server and one from it, and so is what is written.
 */
export function createPostgresDriver(url: string, size: number): Driver {
  const connections = new Connections(url, size);

  async function attempt(units: Write[][]): Promise<string | undefined> {
    try {
      const steps = stepsOf(units.flat(), 'postgres');
      await connections.send(steps.map((step) => ({ statement: statementOf(step), values: step.values })));
      return undefined;
    } catch (error) {
      const { code, message = '' } = error as { code?: string; message?: string };
      const guard = code === NOT_A_NUMBER ? GUARD_FAILED.exec(message)?.[1] : undefined;
      if (guard) return guard;
      throw error;
    }
  }

  const ask = (selects: Select[]) =>
    connections.send(
      selects.map(({ sql, values }) => ({
        statement: statement(sql),
        values: values.map((value) => bind(value, 'postgres')),
      })),
    );

  return {
    readOne: readInStep(ask),
    commit: inStep(attempt),
    close: () => connections.close(),
  };
}
