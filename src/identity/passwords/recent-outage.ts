import { LatchkeyError } from '../../kit/errors.ts';
import { SLOT_MS } from './attempt-slots.ts';

/**
 * When the database fails during an attempt, the attempt's slot may stay taken. Until it is free, even a right password may be
 * refused, so every failure is answered "try again", never "wrong password". That goes for all usernames alike, so that it
 * does not show which accounts exist.
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
