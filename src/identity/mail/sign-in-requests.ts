import type { Knex } from 'knex';
import { LatchkeyError } from '../../kit/errors.ts';
import { harmless, type Message } from './messages.ts';
import type { MailSender } from './send.ts';

interface SignInRequestInput {
  clientName: string;
  /** What the application shows its user at the same time. */
  bindingMessage: string | undefined;
}

/** The mail has no link that approves: its reader signs in, and answers on the page. */
const signInRequest = (
  issuer: string,
  username: string,
  { clientName, bindingMessage }: SignInRequestInput,
): Message => ({
  kind: 'sign_in_request',
  subject: 'An application asks to sign you in',
  lines: [
    `The application ${harmless(clientName)} asks to sign you in as ${harmless(username)}.`,
    ...(bindingMessage === undefined ? [] : [`It shows you this text: ${harmless(bindingMessage)}`]),
    'If you have just started this, approve it. It ends in a few minutes.',
  ],
  link: { label: 'View the request', url: `${issuer}/account/requests` },
  closing: ['If this was not you, deny it there, or ignore this message.'],
});

/** @returns a function that mails the owner, if the account has an e-mail address, wants the mail, and has not got too many messages */
export function createSignInRequestMail(deps: {
  knex: Knex;
  issuer: string;
  mail: MailSender;
  findAccount(
    source: Knex,
    filter: { id: string },
  ): Promise<{ username: string; email: string | null } | undefined>;
  /** Counts a message to an address. @throws LatchkeyError rate_limited */
  countMessage(email: string): Promise<void>;
  wantsMail(accountId: string, notice: 'sign_in_request'): Promise<boolean>;
}) {
  return async (accountId: string, request: SignInRequestInput): Promise<void> => {
    const account = await deps.findAccount(deps.knex, { id: accountId });
    if (!deps.mail.isEnabled || !account?.email) return;
    if (!(await deps.wantsMail(accountId, 'sign_in_request'))) return;
    try {
      await deps.countMessage(account.email);
    } catch (error) {
      // The request is on the page all the same.
      if (error instanceof LatchkeyError && error.kind === 'rate_limited') return;
      throw error;
    }
    await deps.mail.send(signInRequest(deps.issuer, account.username, request), account.email, { accountId });
  };
}
