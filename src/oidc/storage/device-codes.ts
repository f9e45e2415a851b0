import type { Row } from '../../database/statement-builders.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Write } from '../../database/writes.ts';
import { isAnswered, type Model, type Payload } from './models.ts';
import { approveEndedRequest } from './request-links.ts';
import { guardSession } from './sessions.ts';
import { answerStatementOf } from './statements.ts';

/**
 * What to write when a device code, or a request without a browser, is saved again. The user's answer is one conditional statement, which also uses
 * the user code up: of several browsers that opened the code, one answers, and no later one changes the answer. That a
 * browser opened it (`inFlight`) is not stored, so a user who closed the page can type the code again.
 * @param columns as for any other row
 * @returns `unchanged`, or the write, whose guard is `answer`; undefined for any other change
 */
export function answerPolledCode(
  model: Model,
  unit: UnitOfWork,
  payload: Payload,
  columns: Row,
  pending: Write | undefined,
): Write | 'unchanged' | undefined {
  if (!isAnswered(payload)) return payload.inFlight ? 'unchanged' : undefined;
  if (pending?.values.consumed_at !== undefined) return undefined;
  if (payload.error === undefined) {
    guardSession(unit, payload.sessionUid as string | undefined);
    approveEndedRequest(unit);
  }
  const values = Object.assign(columns, { user_code_hash: null });
  return { statement: answerStatementOf(model), values, guard: 'answer' };
}
