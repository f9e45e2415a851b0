import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit } from '../database/unit-of-work.ts';
import type { Credentials } from '../identity/passkeys/credentials.ts';
import type { Factors } from '../identity/second-factor/index.ts';
import { LatchkeyError } from '../kit/errors.ts';
import type { PendingActions } from '../web/pending-action.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { type FreshSignIn, SECURITY } from './fresh-sign-in.ts';

export interface KeyFormsDeps {
  signedIn: SignedInPages;
  freshSignIn: FreshSignIn;
  pendingActions: PendingActions;
  keys: Credentials;
  /** The security page, with what is wrong in one of its forms. */
  showSecurity(
    ctx: Context,
    user: SignedInUser,
    typed: { faults: Record<string, string>; typedName: string; typedKey: string },
  ): Promise<void>;
}

export const KEYS = `${SECURITY}/keys`;

/**
 * Whether somebody may add a key. Without having shown a second factor they may if the account has a key already: the new one
 * cannot sign in before an earlier one approves it.
 */
export const mayAddKey = ({ hasShown, factors }: { hasShown: boolean; factors: Factors }): boolean =>
  hasShown || factors.keys > 0;

/** What the script of the security page does with a passkey, by the value of `act`. */
const CEREMONIES = new Map<string, (keyName: string) => string>([
  ['create', () => 'add a passkey'],
  ['create-mfa', () => 'add a security key'],
  ['approve', (keyName) => `approve “${keyName}”`],
]);

/** The form beside each passkey and security key, and the one that adds a key. */
export function createKeyForms(router: Router, deps: KeyFormsDeps) {
  const { keys, pendingActions } = deps;
  const { assess, requireFactors, signInUrl } = deps.freshSignIn;
  const back = (ctx: Context, done: string) => seeOther(ctx, `${SECURITY}?done=${done}`);

  async function rename(ctx: Context, user: SignedInUser, keyId: string, name: string): Promise<void> {
    try {
      await keys.rename(user.accountId, keyId, name, currentUnit().origin);
    } catch (error) {
      if (!(error instanceof LatchkeyError) || error.code !== 'fields_invalid') throw error;
      ctx.status = error.status;
      return deps.showSecurity(ctx, user, {
        faults: { [`name-${keyId}`]: error.message },
        typedName: name,
        typedKey: keyId,
      });
    }
    back(ctx, 'renamed');
  }

  async function remove(ctx: Context, user: SignedInUser, fields: Record<string, string>): Promise<void> {
    const { accountId } = user;
    const { key = '' } = fields;
    const purpose = async () => `remove “${(await keys.get(accountId, key)).name}”`;
    await requireFactors(purpose, async (_ctx, _user, _fields, from) => {
      await keys.remove(accountId, key, accountId, from);
      back(ctx, 'removed');
    })(ctx, user, fields);
  }

  /** Returns to the security page, where the script runs the ceremony; after another sign-in where one is needed. */
  async function start(ctx: Context, { accountId }: SignedInUser, act: string, key: string): Promise<void> {
    const name = act === 'approve' ? (await keys.get(accountId, key)).name : '';
    const purpose = CEREMONIES.get(act)?.(name) ?? '';
    pendingActions.keep(ctx, { accountId, path: KEYS, fields: { act, key }, purpose });
    const signIn = await assess(ctx, accountId);
    const isEnough = mayAddKey(signIn);
    seeOther(ctx, signIn.isFresh && isEnough ? SECURITY : signInUrl(SECURITY, isEnough));
  }

  router.post(
    KEYS,
    deps.signedIn.form(
      async (ctx, user, fields) => {
        const { key = '', act = '', name = '' } = fields;
        if (CEREMONIES.has(act)) return start(ctx, user, act, key);
        if (act === 'rename') return rename(ctx, user, key, name);
        if (act === 'remove') return remove(ctx, user, fields);
        throw new LatchkeyError('invalid_input', 'key_action_missing', 'Choose Rename or Remove.');
      },
      { keeps: ['act', 'key', 'name'] },
    ),
  );

  return {
    /** @returns what the user pressed before they signed in, and the key that it is about, for the script */
    findStarted(ctx: Context, accountId: string): string | undefined {
      const action = pendingActions.find(ctx, accountId) ?? pendingActions.findForm(ctx, accountId);
      const { act = '', key = '' } = action?.path === KEYS ? action.fields : {};
      return CEREMONIES.has(act) ? `${act} ${key}` : undefined;
    },
  };
}
