import { LatchkeyError } from '../../kit/errors.ts';
import { SLOT_MS } from './attempt-slots.ts';

/**
 * Remembers that the database failed during an attempt, whose slot may then be held although nobody waits for it. As long
 * as it may be, a right password can be refused for want of a slot, so no failure is called a wrong password. That is
 * said of every failure alike: it must not show which accounts exist.
 */
export function createRecentOutage(now = () => performance.now()) {
  let heldUntil = Number.NEGATIVE_INFINITY;
  /** For how many seconds a failure says nothing about the password; 0 if it does. */
  const secondsLeft = () => Math.max(0, Math.ceil((heldUntil - now()) / 1000));
  return {
    secondsLeft,
    recordOutage(): void {
      heldUntil = now() + SLOT_MS;
    },
    /** Call it after a failure. @throws LatchkeyError unavailable */
    assertOver(): void {
      const retryAfter = secondsLeft();
      if (retryAfter > 0)
        throw new LatchkeyError('unavailable', 'passwords_uncertain', uncertain(retryAfter), { retryAfter });
    },
  };
}

export const uncertain = (seconds: number) =>
  `The server lost its database a moment ago, so it may refuse the right password. Try again in ${seconds} seconds.`;
