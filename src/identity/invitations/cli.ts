import type { Command } from 'commander';
import type { Actor } from '../../audit/index.ts';
import { OPERATOR } from '../../audit/operator.ts';
import { refuse } from '../../kit/errors.ts';
import { collect, print } from '../../kit/terminal.ts';
import { DEFAULT_LIFETIME } from './default-lifetime.ts';
import type { Invitations } from './index.ts';
import type { CreatedInvitation, Invitation } from './invitation.ts';

interface Options {
  scope?: string;
  role?: string[];
  label?: string;
  email?: string;
  send?: boolean;
  maxUses?: string;
  expiresIn?: string;
  count?: string;
  as?: string;
  format?: string;
  withdraw?: boolean;
  json?: boolean;
}

export interface InviteCommands {
  invitations: Pick<Invitations, 'create' | 'list' | 'show' | 'revoke'>;
  /** @throws LatchkeyError not_found */
  getActor(username: string): Promise<Actor>;
  /** Unset without a mail server. @throws LatchkeyError unavailable */
  send?(invitation: CreatedInvitation): Promise<void>;
}

const summary = ({ id, label, email, state, uses, max_uses, scopes, expires_at }: Invitation) => ({
  id,
  state,
  uses: `${uses}/${max_uses}`,
  for: label ?? email ?? '',
  scopes,
  expires: expires_at ?? 'never',
});

const summaryOfGrant = ({ scopes, max_uses, expires_at }: Omit<Invitation, 'id'>) => ({
  scopes,
  max_uses,
  expires_at: expires_at ?? 'never',
});

/** @throws LatchkeyError invalid_input for options that exclude each other */
function checkCreateOptions({ format, send, email }: Options, count: number): void {
  if (format !== undefined && !['text', 'csv', 'html'].includes(format))
    refuse('invitation_format_unknown', `The format is text, csv or html, not ${format}.`);
  if (send && !email) refuse('invitation_recipient_missing', 'With --send, set the recipient with --email.');
  if (send && count !== 1)
    refuse('invitation_count_with_send', 'With --send, create one invitation at a time: leave out --count.');
}

async function create(options: Options, count: number, { invitations, getActor, send }: InviteCommands) {
  if (options.send && !send)
    refuse('mail_off', 'This server has no mail server. Set LATCHKEY_SMTP_URL to send mail.');
  const actor = options.as === undefined ? OPERATOR : await getActor(options.as);
  const { scope, role: roles, label, email, maxUses, expiresIn } = options;
  const input = { scope, roles, label, email, maxUses, expiresIn };
  const created = await invitations.create(actor, input, count);
  if (options.send) for (const invitation of created) await send?.(invitation);
  return created;
}

/** `latchkey invite …` */
export function inviteCommands(
  program: Command,
  withServices: <T>(work: (commands: InviteCommands) => Promise<T>) => Promise<T>,
): void {
  const invite = program.command('invite').description('invite people to create accounts');
  const json = ['--json', 'print one JSON document'] as const;

  invite
    .command('create')
    .description('create invitations, and print their codes this once')
    .option('--scope <scopes>', 'the scopes that the account gets', 'openid profile email')
    .option('--role <role>', 'a role that the account gets; repeat for several', collect)
    .option('--label <label>', 'who or what it is for')
    .option('--email <address>', 'only an account with this address can be created')
    .option('--send', 'mail it to that address; the code is then only in the mail')
    .option('--max-uses <n>', 'how many accounts can be created, 1 to 10000', '1')
    .option('--expires-in <time>', '30m, 24h, 7d, 4w or never', DEFAULT_LIFETIME)
    .option('--count <n>', 'how many invitations to create, 1 to 1000', '1')
    .option('--as <username>', 'the account that invites; without it, the operator of this server')
    .option('--format <format>', 'text, csv, or html: a page of QR codes to print')
    .option(...json)
    .action(async (options: Options) => {
      const count = Number(options.count);
      const format = options.format ?? (count > 1 ? 'csv' : 'text');
      checkCreateOptions(options, count);
      const created = await withServices((commands) => create(options, count, commands));
      // Nobody else learns the code of a mailed invitation, so that people who have it have read that mailbox.
      if (options.send) {
        const [{ code: _code, url: _url, ...mailed }] = created as [CreatedInvitation];
        return print(
          options.json ? mailed : { id: mailed.id, mailed_to: mailed.email, ...summaryOfGrant(mailed) },
          options.json,
        );
      }
      if (options.json) return print(count > 1 ? created : created[0], true);
      const { toCsv, toSheet } = await import('./export.ts');
      if (format === 'csv') return print(toCsv(created), false);
      if (format === 'html') return print(await toSheet(created), false);
      for (const { id, code, url, ...invitation } of created)
        print({ id, code, url, ...summaryOfGrant(invitation) }, false);
    });

  invite
    .command('list')
    .description('list invitations, newest first')
    .option(...json)
    .action(async (options: Options) => {
      const { invitations: list } = await withServices(({ invitations }) => invitations.list(OPERATOR));
      print(options.json ? list : list.map(summary), options.json, 'There are no invitations.');
    });

  invite
    .command('show <id>')
    .description('show an invitation and the accounts that used it')
    .option(...json)
    .action(async (id: string, options: Options) => {
      const { redemptions, ...invitation } = await withServices(({ invitations }) =>
        invitations.show(OPERATOR, id),
      );
      if (options.json) return print({ ...invitation, redemptions }, true);
      print(invitation, false);
      const uses = redemptions.map(({ username, redeemed_at, ip_address, scopes, roles }) => ({
        by: username ?? '(deleted)',
        redeemed_at,
        ip_address,
        scopes,
        roles,
      }));
      print(uses, false, 'Nobody has used this invitation.');
    });

  invite
    .command('revoke <id>')
    .description('revoke an invitation; accounts that were created with it stay')
    .option('--withdraw', 'also withdraw what it granted to accounts that have used it')
    .option(...json)
    .action(async (id: string, { withdraw, json: asJson }: Options) =>
      print(await withServices(({ invitations }) => invitations.revoke(OPERATOR, id, { withdraw })), asJson),
    );
}
