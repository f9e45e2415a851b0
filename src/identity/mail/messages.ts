/**
 * The text of a mail message. `views/mail/` renders it as plain text and as HTML. The texts are ASCII, so that every
 * mail program shows them.
 */
export interface Message {
  /** How the audit log names the message. */
  kind: string;
  subject: string;
  /** Paragraphs before the link. */
  lines: string[];
  link?: { label: string; url: string };
  /** Paragraphs after the link. */
  closing: string[];
}

const NOT_YOU = 'If this was not you, you can ignore this message.';
const ONE_HOUR = 'The link works once and expires after one hour.';
const ONE_DAY = 'The link works once and expires after 24 hours.';
export const CONTACT = 'contact the people who run this server';

const MAX_NAME_LENGTH = 80;

/**
 * A name that a user chose, made harmless. Mail programs turn everything that looks like an address into a link, so
 * this replaces dots, colons, slashes and at signs within words. It also removes line breaks and characters that
 * reverse the direction of the text.
 */
export function harmless(name: string): string {
  const line = name
    .normalize('NFKC')
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .replace(/[.:/@\\\u3002\uff0e\uff61\u2024]+(?=\S)/gu, '-')
    .trim();
  return line.length > MAX_NAME_LENGTH ? `${line.slice(0, MAX_NAME_LENGTH - 1)}-` : line;
}

interface LinkInput {
  issuer: string;
  username: string;
  token: string;
}

/**
 * Messages about passwords, passkeys and addresses. Notices about changes are in `security-notices.ts`, those about connections
 * in `connection-notices.ts`, requests of applications in `sign-in-requests.ts`, and the invitation in `invitations/mail.ts`.
 */
export const messages = {
  resetPassword: ({ issuer, username, token }: LinkInput): Message => ({
    kind: 'reset',
    subject: 'Set a new password',
    lines: [`Someone asked to set a new password for your account ${harmless(username)}.`],
    link: { label: 'Set a new password', url: `${issuer}/reset?token=${token}` },
    closing: [ONE_HOUR, NOT_YOU],
  }),

  /** Goes to an address that nobody has confirmed: somebody else may have created it with this address. */
  takeOver: ({ issuer, username, token }: LinkInput): Message => ({
    kind: 'reset',
    subject: 'Set a new password',
    lines: [
      `Someone asked to set a new password for the account ${harmless(username)}, which was created with this e-mail address.`,
      'Nobody has confirmed the address yet. Setting a password confirms it, and removes everything that was set up on the account before: keys, the authenticator app, recovery codes, invitations, connected accounts, and what applications were allowed.',
    ],
    link: { label: 'Set a new password', url: `${issuer}/reset?token=${token}` },
    closing: [ONE_HOUR, NOT_YOU],
  }),

  recoverPasskey: ({ issuer, username, token }: LinkInput): Message => ({
    kind: 'enrol',
    subject: 'Create a new passkey',
    lines: [`Someone asked to get back into your account ${harmless(username)}, which has no password.`],
    link: { label: 'Create a new passkey', url: `${issuer}/recover?token=${token}` },
    closing: [ONE_HOUR, NOT_YOU],
  }),

  verifyEmail: ({ issuer, username, token }: LinkInput): Message => ({
    kind: 'verify',
    subject: 'Confirm your e-mail address',
    lines: [
      `This e-mail address was entered for the account ${harmless(username)}. Confirm that it is yours.`,
      'You have to be signed in to that account.',
    ],
    link: { label: 'Confirm the address', url: `${issuer}/verify?token=${token}` },
    closing: [
      ONE_DAY,
      'If you did not create this account, do not confirm the address. You can ignore this message.',
    ],
  }),

  /** Goes to the owner of an address that somebody else entered. The other person does not learn that it belongs to an account. */
  addressKnown: ({ issuer }: { issuer: string }): Message => ({
    kind: 'known',
    subject: 'You already have an account',
    lines: [
      'Someone entered this e-mail address for an account here, but you already have an account with it.',
      'Nothing was changed. If you have forgotten your password, you can set a new one:',
    ],
    link: { label: 'Set a new password', url: `${issuer}/forgot` },
    closing: [NOT_YOU],
  }),
};
