import type { Row } from '../../database/statements.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Write } from '../../database/writes.ts';
import type { Payload } from './models.ts';
import { approveEndedRequest } from './request-links.ts';
import { guardSession } from './sessions.ts';
import { ANSWER_DEVICE_CODE } from './statements.ts';

/** Whether the user has allowed or denied it. */
const isAnswered = ({ accountId, error }: Payload) => accountId !== undefined || error !== undefined;

/** The guard of an answer: somebody else has answered the code first. */
const ANSWERED_FIRST = 'device-code';

/**
 * How a device code that the engine saves again changes. The user's answer is one conditional statement, which also uses
 * the user code up: of several browsers that opened the code, one answers. That a browser opened it (`inFlight`) is not
 * stored, so a user who closed the page can type the code again.
 * @param json the payload as it was read @param columns as for any other row
 * @returns `unchanged`, or the write; undefined for any other change
 */
export function answerDeviceCode(
  unit: UnitOfWork,
  json: string,
  payload: Payload,
  columns: Row,
  pending: Write | undefined,
): Write | 'unchanged' | undefined {
  if (!isAnswered(payload)) return payload.inFlight ? 'unchanged' : undefined;
  if (isAnswered(JSON.parse(json)) && pending?.guard !== ANSWERED_FIRST) return undefined;
  if (payload.accountId !== undefined && payload.error === undefined) {
    guardSession(unit, payload.sessionUid as string | undefined);
    approveEndedRequest(unit);
  }
  return {
    statement: ANSWER_DEVICE_CODE,
    values: Object.assign(columns, { user_code_hash: null }),
    guard: ANSWERED_FIRST,
  };
}
