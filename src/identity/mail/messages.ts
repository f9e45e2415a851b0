/** What a mail says; `views/mail/` give it its two forms. Plain ASCII, so that every program shows it. */
export interface Letter {
  /** For the audit log. */
  kind: string;
  subject: string;
  lines: string[];
  action?: { label: string; url: string };
  closing: string[];
}

const NOT_YOU = 'If this was not you, you need do nothing: delete this mail.';

/**
 * A name as somebody chose it. Programs make links of all that looks like an address, so nothing may: no dot, colon,
 * slash or at sign within a word, no line breaks, no character that turns the direction of what follows.
 */
export function inert(name: string): string {
  const one = name
    .normalize('NFKC')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[.:/@\\\u3002\uff0e\uff61\u2024]+(?=\S)/gu, '-')
    .trim();
  return one.length > 80 ? `${one.slice(0, 79)}-` : one;
}

const FACTOR_WORDS = {
  key_added: { subject: 'A key was added to your account', line: 'A key was added to your account.' },
  key_signed: { subject: 'A key was vouched for', line: 'A key of your account now lets its holder in.' },
  key_removed: { subject: 'A key was removed', line: 'A key of your account was removed.' },
  counter_regressed: {
    subject: 'A key of yours may have been copied',
    line: 'A key of your account answered as if there were two of it. One may be a copy.',
  },
  totp_added: {
    subject: 'An authenticator app was added',
    line: 'Codes of an app now count as a second factor.',
  },
  totp_removed: { subject: 'An authenticator app was removed', line: 'Codes of an app count no more.' },
  recovery_used: { subject: 'A recovery code was used', line: 'A recovery code was used to sign in.' },
};
export type FactorEvent = keyof typeof FACTOR_WORDS;

export const letters = {
  reset: (given: { issuer: string; username: string; token: string }): Letter => ({
    kind: 'reset',
    subject: 'Set a new password',
    lines: [`Somebody asked to set a new password for your account ${inert(given.username)}.`],
    action: { label: 'Set a new password', url: `${given.issuer}/reset?token=${given.token}` },
    closing: ['The link is good once and for one hour.', NOT_YOU],
  }),

  enrol: (given: { issuer: string; username: string; token: string }): Letter => ({
    kind: 'enrol',
    subject: 'Make a new passkey',
    lines: [`Somebody asked to get back into your account ${inert(given.username)}, which has no password.`],
    action: { label: 'Make a new passkey', url: `${given.issuer}/recover?token=${given.token}` },
    closing: ['The link is good once and for one hour.', NOT_YOU],
  }),

  verify: (given: { issuer: string; username: string; token: string }): Letter => ({
    kind: 'verify',
    subject: 'Confirm your e-mail address',
    lines: [`The account ${inert(given.username)} has this e-mail address. Confirm that it is yours.`],
    action: { label: 'Confirm the address', url: `${given.issuer}/verify?token=${given.token}` },
    closing: ['The link is good once and for 24 hours.', NOT_YOU],
  }),

  /** To the address that had no part in it: nothing says to whoever typed it that it is known. */
  known: (given: { issuer: string }): Letter => ({
    kind: 'known',
    subject: 'You already have an account',
    lines: [
      'Somebody gave this e-mail address for an account here, and you already have one with it.',
      'Nothing was changed. If you have forgotten your password, set a new one:',
    ],
    action: { label: 'Set a new password', url: `${given.issuer}/forgot` },
    closing: [NOT_YOU],
  }),

  /** To the address that is still the account's. */
  changing: (given: { issuer: string; username: string }): Letter => ({
    kind: 'changing',
    subject: 'Another e-mail address for your account',
    lines: [
      `Your account ${inert(given.username)} asked to have another e-mail address instead of this one.`,
      'It changes as soon as the mail that went there is answered.',
      'If this was not you, set a new password now: that stops it, and ends every session.',
    ],
    action: { label: 'Set a new password', url: `${given.issuer}/forgot` },
    closing: [],
  }),

  /** To the address that was the account's. */
  changed: (given: { username: string }): Letter => ({
    kind: 'changed',
    subject: 'Your account has another e-mail address',
    lines: [
      `Your account ${inert(given.username)} has another e-mail address now. No more mail comes to this one.`,
      'If this was not you, tell the people who run this server.',
    ],
    closing: [],
  }),

  /** A way in was added, removed, or may have been copied. */
  factor: (given: { issuer: string; username: string; what: FactorEvent; name: string }): Letter => ({
    kind: given.what,
    subject: FACTOR_WORDS[given.what].subject,
    lines: [
      `${FACTOR_WORDS[given.what].line} Account: ${inert(given.username)}.${given.name === '' ? '' : ` Key: ${inert(given.name)}.`}`,
    ],
    action: { label: 'Look at your keys', url: `${given.issuer}/account/security` },
    closing: [
      'If this was you, you need do nothing.',
      'If it was not, look at your keys now, remove what is not yours, and tell the people who run this server.',
    ],
  }),

  invitation: (given: {
    url: string;
    inviter: string | null;
    label: string | null;
    expiresAt: Date | null;
  }): Letter => ({
    kind: 'invitation',
    subject: 'You are invited',
    lines: [
      `${given.inviter === null ? 'Those who run this server have' : `${inert(given.inviter)} has`} invited you to make an account.`,
      ...(given.label === null ? [] : [`It is for: ${inert(given.label)}.`]),
    ],
    action: { label: 'See the invitation', url: given.url },
    closing: [
      given.expiresAt === null
        ? 'It does not expire.'
        : `It is good until ${given.expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
      'If you do not know who this is, delete this mail.',
    ],
  }),
};
