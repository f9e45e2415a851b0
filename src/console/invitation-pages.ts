import type Router from '@koa/router';
import type { Context } from 'koa';
import { describeGrant } from '../access/invitation-descriptions.ts';
import { newBatchKey } from '../identity/invitations/batch.ts';
import { DEFAULT_LIFETIME } from '../identity/invitations/default-lifetime.ts';
import type { InvitationInput, InvitationQuery } from '../identity/invitations/input.ts';
import type { CreatedInvitation, Invitation } from '../identity/invitations/invitation.ts';
import type { InvitationBatch } from '../identity/invitations/list.ts';
import type { Redemption } from '../identity/invitations/redemption-store.ts';
import type { InvitationState } from '../identity/invitations/store.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInUser } from '../web/signed-in-pages.ts';
import type { ConsoleDeps, ConsoleLayout } from './sections.ts';

interface Actor {
  accountId: string;
}

/** The service that the command calls too. */
interface InvitationService {
  list(actor: Actor, query: InvitationQuery): Promise<{ invitations: Invitation[]; next?: string }>;
  listBatches(actor: Actor, query: InvitationQuery): Promise<{ batches: InvitationBatch[]; next?: string }>;
  revokeBatch(actor: Actor, id: string): Promise<number>;
  show(actor: Actor, id: string): Promise<Invitation & { redemptions: Redemption[] }>;
  create(actor: Actor, input: InvitationInput, count: string, key: string): Promise<CreatedInvitation[]>;
  revoke(actor: Actor, id: string, options: { withdraw?: boolean }): Promise<unknown>;
}

export interface InvitationPagesDeps extends ConsoleDeps {
  invitations: InvitationService;
  /** An invitation's link as an SVG. */
  qrCode(url: string): Promise<string>;
}

const PATH = '/admin/invitations';
const NEW = `${PATH}/new`;
const SCOPE = 'latchkey:invitations';
const PAGE_SIZE = 25;
const STATES: [InvitationState | 'all', string][] = [
  ['all', 'All'],
  ['waiting', 'Waiting'],
  ['used', 'Used'],
  ['expired', 'Expired'],
  ['revoked', 'Revoked'],
];
const LIFETIMES = {
  '24h': '24 hours',
  '3d': '3 days',
  '7d': '7 days',
  '4w': '4 weeks',
  never: 'Does not expire',
};
const USUAL = ['openid', 'profile', 'email'];
const BLANK = { max_uses: '1', count: '1', expires_in: DEFAULT_LIFETIME };
/** The fields that are kept over another sign-in, in this order; the scope last, because it is the longest. */
const TYPED = ['label', 'email', 'roles', 'expires_in', 'max_uses', 'count', 'scope'];
/** The service's name of a field → the form's, where the two differ. */
const FIELDS: Record<string, string> = { maxUses: 'max_uses', expiresIn: 'expires_in' };

const list = (text: string | undefined) => (text ?? '').split(/[\s,]+/).filter(Boolean);

/** Reads these fields of the form, and ignores any other. */
const inputOf = ({ label, email, scope, roles, max_uses, expires_in }: Record<string, string>) => ({
  label,
  email: email?.trim() || undefined,
  scope,
  roles: list(roles),
  maxUses: max_uses,
  expiresIn: expires_in,
});

/** The pages for invitations: the list, the form for new ones, one invitation with the accounts it created, and new codes. */
export function createInvitationPages(
  router: Router,
  layout: ConsoleLayout,
  deps: InvitationPagesDeps,
): void {
  const { signedIn, invitations } = deps;
  const mayWrite = ({ scopes }: SignedInUser) => deps.covers(scopes, SCOPE);
  const show = (ctx: Context, user: SignedInUser, view: string, data: Record<string, unknown>) =>
    layout.show(ctx, user, PATH, `invitations/${view}`, { mayWrite: mayWrite(user), ...data });

  /** The invitations of a batch one by one, with the form that revokes them all. */
  async function showBatch(ctx: Context, user: SignedInUser, query: InvitationQuery): Promise<void> {
    const page = await invitations.list(user, query);
    const action = `${PATH}/${query.batch}/revoke`;
    const more = new URLSearchParams({ ...(query as Record<string, string>), after: page.next ?? '' });
    show(ctx, user, 'batch', {
      title: 'Invitations that were created together',
      invitations: page.invitations,
      revoked: ctx.query.done === 'revoked',
      nextUrl: page.next === undefined ? undefined : `${PATH}?${more}`,
      action,
      csrf: user.csrf(action),
    });
  }

  router.get(
    PATH,
    signedIn.page(async (ctx, user) => {
      const { state = 'all', search = '', after, batch, limit = PAGE_SIZE } = ctx.query;
      const query = { state, search, after: after || undefined, limit } as InvitationQuery;
      if (typeof batch === 'string') return showBatch(ctx, user, { ...query, batch });
      const page = await invitations.listBatches(user, query);
      const more = new URLSearchParams({ ...(query as Record<string, string>), after: page.next ?? '' });
      show(ctx, user, 'list', {
        title: 'Invitations',
        batches: page.batches,
        states: STATES,
        query,
        isFirst: query.after === undefined,
        nextUrl: page.next === undefined ? undefined : `${PATH}?${more}`,
      });
    }, `${SCOPE}.read`),
  );

  function showForm(
    ctx: Context,
    user: SignedInUser,
    typed: Record<string, string>,
    faults: Record<string, string> = {},
  ): void {
    const idempotencyKey = newBatchKey();
    show(ctx, user, 'new', {
      title: 'Invite someone',
      alert: Object.values(faults)[0],
      faults,
      typed,
      lifetimes: Object.entries(LIFETIMES),
      grantable: user.scopes.map((scope) => ({ scope, text: describeGrant(scope) })),
      action: NEW,
      idempotencyKey,
      csrf: user.csrf(NEW, idempotencyKey),
    });
  }

  router.get(
    NEW,
    signedIn.page((ctx, user) => {
      const scopes = USUAL.filter((scope) => scope === 'openid' || deps.covers(user.scopes, scope));
      showForm(ctx, user, { ...BLANK, scope: scopes.join(' '), ...user.typed });
    }, SCOPE),
  );

  async function pictures(made: CreatedInvitation[]) {
    const cards = [];
    for (const one of made) {
      cards.push({ ...one, qr: `data:image/svg+xml;base64,${btoa(await deps.qrCode(one.url))}` });
      // A thousand take seconds, so let the server answer other requests in between.
      await new Promise(setImmediate);
    }
    return cards;
  }

  router.post(
    NEW,
    signedIn.form(
      async (ctx, user, fields) => {
        try {
          const input = inputOf(fields);
          const made = await invitations.create(
            user,
            input,
            fields.count ?? '',
            fields.idempotency_key ?? '',
          );
          show(ctx, user, 'created', {
            title: made.length === 1 ? 'Your invitation' : `${made.length} invitations`,
            created: await pictures(made),
          });
        } catch (error) {
          if (!(error instanceof LatchkeyError) || Object.keys(error.faults).length === 0) throw error;
          ctx.status = error.status;
          const faults = Object.entries(error.faults).map(([name, fault]) => [FIELDS[name] ?? name, fault]);
          showForm(ctx, user, fields, Object.fromEntries(faults));
        }
      },
      { scope: SCOPE, keeps: TYPED },
    ),
  );

  router.get(
    `${PATH}/:id`,
    signedIn.page(async (ctx, user) => {
      const { redemptions, ...invitation } = await invitations.show(user, ctx.params.id as string);
      const action = `${PATH}/${invitation.id}/revoke`;
      show(ctx, user, 'show', {
        title: `Invitation${invitation.label ? ` for ${invitation.label}` : ''}`,
        invitation,
        redemptions,
        done: ctx.query.done,
        action,
        csrf: user.csrf(action),
      });
    }, `${SCOPE}.read`),
  );

  router.post(
    `${PATH}/:id/revoke`,
    signedIn.form(
      async (ctx, user, fields) => {
        const id = ctx.params.id as string;
        if (fields.batch === 'yes') {
          await invitations.revokeBatch(user, id);
          return seeOther(ctx, `${PATH}?batch=${encodeURIComponent(id)}&done=revoked`);
        }
        const withdraw = fields.withdraw === 'yes';
        await invitations.revoke(user, id, { withdraw });
        seeOther(ctx, `${PATH}/${id}?done=${withdraw ? 'taken-back' : 'revoked'}`);
      },
      { scope: SCOPE, page: ({ batch }) => (batch === 'yes' ? PATH : undefined) },
    ),
  );
}
