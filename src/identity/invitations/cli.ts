import type { Command } from 'commander';
import type { Actor } from '../../audit/index.ts';
import { refuse } from '../../kit/errors.ts';
import { collect, print } from '../../kit/terminal.ts';
import type { Invitations } from './service.ts';
import type { Invitation, MadeInvitation } from './store.ts';

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
  invitations: Invitations;
  /** Who that username is. @throws LatchkeyError not_found */
  actorNamed(username: string): Promise<Actor>;
  /** Mails the invitation; none where no mail server is known. @throws LatchkeyError when it was not handed over */
  send?(invitation: MadeInvitation): Promise<void>;
}

const OPERATOR: Actor = { accountId: null };

const brief = ({ id, label, email, state, uses, max_uses, scopes, expires_at }: Invitation) => ({
  id,
  state,
  uses: `${uses}/${max_uses}`,
  for: label ?? email ?? '',
  scopes,
  expires: expires_at ?? 'never',
});

/** `latchkey invite …` */
export function inviteCommands(
  program: Command,
  use: <T>(work: (commands: InviteCommands) => Promise<T>) => Promise<T>,
): void {
  const invite = program.command('invite').description('the codes by which people come in');
  const json = ['--json', 'print one JSON document'] as const;

  invite
    .command('create')
    .option('--scope <scopes>', 'all that the account will hold', 'openid profile email')
    .option('--role <role>', 'a role that the account will hold (again for more)', collect)
    .option('--label <label>', 'whom or what it is for')
    .option('--email <address>', 'only an account with this address comes in by it')
    .option('--send', 'mail it to that address; its code is then in the mail alone')
    .option('--max-uses <n>', 'how many accounts, 1 to 10000', '1')
    .option('--expires-in <time>', '30m, 24h, 7d, 4w or never', '7d')
    .option('--count <n>', 'make many at once, 1 to 1000', '1')
    .option('--as <username>', 'who invites; without it the operator of this server')
    .option('--format <format>', 'text, csv, or html: a page of QR codes to print')
    .option(...json)
    .action(async (options: Options) => {
      const count = Number(options.count);
      const format = options.format ?? (count > 1 ? 'csv' : 'text');
      if (!['text', 'csv', 'html'].includes(format))
        refuse('invitation_format_unknown', 'The format is one of text, csv and html');
      if (options.send && !options.email)
        refuse('invitation_recipient_missing', 'Say with --email to whom it is to be sent');
      if (options.send && count !== 1)
        refuse('invitation_count_with_send', 'One invitation is sent at a time: leave out --count');
      const made = await use(async ({ invitations, actorNamed, send }) => {
        if (options.send && !send)
          refuse('mail_off', 'This server has no mail server. Set LATCHKEY_SMTP_URL');
        const actor = options.as === undefined ? OPERATOR : await actorNamed(options.as);
        const { scope, role: roles, label, email, maxUses, expiresIn } = options;
        const list = await invitations.create(
          actor,
          { scope, roles, label, email, maxUses, expiresIn },
          count,
        );
        if (options.send) for (const one of list) await send?.(one);
        return list;
      });
      const [first] = made;
      if (options.json) return print(count > 1 ? made : first, true);
      const { toCsv, toSheet } = await import('./export.ts');
      if (format === 'csv') return print(toCsv(made), false);
      if (format === 'html') return print(await toSheet(made), false);
      for (const { id, code, url, scopes, max_uses, expires_at } of made)
        print({ id, code, url, scopes, max_uses, expires_at: expires_at ?? 'never' }, false);
    });

  invite
    .command('list')
    .option(...json)
    .action(async (options: Options) => {
      const { invitations: list } = await use(({ invitations }) => invitations.list(OPERATOR));
      print(options.json ? list : list.map(brief), options.json);
    });

  invite
    .command('show <id>')
    .option(...json)
    .action(async (id: string, options: Options) => {
      const { redemptions, ...invitation } = await use(({ invitations }) => invitations.show(OPERATOR, id));
      if (options.json) return print({ ...invitation, redemptions }, true);
      print(invitation, false);
      print(
        redemptions.map(({ username, redeemed_at, ip_address, scopes, roles }) => ({
          by: username ?? '(deleted)',
          redeemed_at,
          ip_address,
          scopes,
          roles,
        })),
        false,
      );
    });

  invite
    .command('revoke <id>')
    .option('--withdraw', 'also take back what it gave to those who came in by it')
    .option(...json)
    .action(async (id: string, { withdraw, json: asJson }: Options) =>
      print(await use(({ invitations }) => invitations.revoke(OPERATOR, id, { withdraw })), asJson),
    );
}
