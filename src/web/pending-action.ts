import type { Context } from 'koa';
import type { Secrets } from '../kit/secrets.ts';
import type { SealedCookie } from './sealed-cookie.ts';

/** A form that a user sent, and that was not done because they had to sign in first. */
interface KeptForm {
  /** The mark of the account that was sent this form. */
  owner: string;
  /** Where the form goes. */
  path: string;
  /** Its field `idempotency_key`. */
  idempotencyKey: string;
  /** What was typed, and what the pressed button says. */
  fields: Record<string, string>;
}

/** The action is offered to its user on a separate page, as one button. */
interface PendingAction extends KeptForm {
  /** What it does, as the end of "Confirm it is you to …". */
  purpose: string;
}

/** Its session had ended, so nobody could tell whether it came from our page. It is shown again, to be pressed again. */
interface EndedForm extends KeptForm {
  /** The page of the form. */
  page: string;
}

/** Keeps a form in the browser while its user signs in again, so that it is not lost. */
export interface PendingActions {
  /** @returns a mark of a form that was sent to an account, in any of its sessions. Nobody else can make it */
  ownerOf(accountId: string, form: Pick<KeptForm, 'path' | 'idempotencyKey'>): string;
  keep(
    ctx: Context,
    action: Pick<PendingAction, 'path' | 'fields' | 'purpose'> & { accountId: string },
  ): void;
  keepForm(ctx: Context, form: EndedForm): void;
  /** @returns undefined when this account has asked for nothing in this browser */
  find(ctx: Context, accountId: string | undefined): PendingAction | undefined;
  /** @returns the form of an ended session, of any account unless one is named */
  findForm(ctx: Context, accountId?: string): EndedForm | undefined;
  forget(ctx: Context): void;
}

/** The largest action, in bytes of UTF-8. Sealing makes it a third longer, and browsers keep cookies of 4096 bytes. */
const MAX_BYTES = 2400;

const isShort = (kept: KeptForm) => Buffer.byteLength(JSON.stringify(kept)) <= MAX_BYTES;

/** Leaves out the last fields of a form whose text is too long for a cookie. */
function shorten(form: EndedForm): EndedForm {
  const names = Object.keys(form.fields);
  let fields = form.fields;
  while (names.length > 0 && !isShort({ ...form, fields })) {
    names.pop();
    fields = Object.fromEntries(names.map((name) => [name, form.fields[name] ?? '']));
  }
  return { ...form, fields };
}

/** @param deps `cookie`: takes values of any length */
export function createPendingActions(deps: {
  cookie: SealedCookie;
  secrets: Pick<Secrets, 'csrfToken'>;
}): PendingActions {
  const { cookie } = deps;
  const ownerOf: PendingActions['ownerOf'] = (accountId, { path, idempotencyKey }) =>
    deps.secrets.csrfToken(`owner ${path} ${idempotencyKey} ${accountId}`);
  const isOwn = (kept: KeptForm, accountId: string) => kept.owner === ownerOf(accountId, kept);
  const read = (ctx: Context): PendingAction | EndedForm | undefined => {
    const text = cookie.read(ctx);
    return text === undefined ? undefined : JSON.parse(text);
  };
  return {
    ownerOf,
    keep(ctx, { accountId, path, fields: { csrf: _csrf, ...fields }, purpose }) {
      const form = { path, idempotencyKey: fields.idempotency_key ?? '' };
      const action: PendingAction = { ...form, owner: ownerOf(accountId, form), fields, purpose };
      // What our own forms send is shorter.
      if (!isShort(action)) return cookie.clear(ctx);
      cookie.set(ctx, JSON.stringify(action));
    },
    keepForm: (ctx, form) => cookie.set(ctx, JSON.stringify(shorten(form))),
    find(ctx, accountId) {
      const kept = read(ctx);
      if (kept === undefined || !('purpose' in kept) || accountId === undefined) return undefined;
      return isOwn(kept, accountId) ? kept : undefined;
    },
    findForm(ctx, accountId) {
      const kept = read(ctx);
      if (kept === undefined || !('page' in kept)) return undefined;
      return accountId === undefined || isOwn(kept, accountId) ? kept : undefined;
    },
    forget: (ctx) => cookie.clear(ctx),
  };
}
