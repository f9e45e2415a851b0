import type Router from '@koa/router';
import { seeOther } from '../web/respond.ts';
import type { ConsoleDeps, ConsoleLayout, FreshSignInOfConsole } from './sections.ts';

interface Actor {
  accountId: string;
}

interface SigningKey {
  kid: string;
  alg: string;
  status: 'next' | 'active' | 'retired';
  published: boolean;
  not_before: string;
  retired_at: string | null;
  expires_at: string | null;
}

export interface SigningKeyPagesDeps extends ConsoleDeps {
  /** The service that the command calls too. */
  signingKeys: {
    list(): Promise<SigningKey[]>;
    rotate(actor: Actor): Promise<string[]>;
    retire(actor: Actor, kid: string): Promise<void>;
  };
  freshSignIn: FreshSignInOfConsole;
}

const PATH = '/admin/signing-keys';
const ROTATE = `${PATH}/rotate`;
const RETIRE = `${PATH}/retire`;
const SCOPE = 'latchkey:keys';

/** What the page says after an action has redirected to it, by the value of `done`. */
const NOTICES = new Map<string, string>(
  Object.entries({
    rotated: 'The next keys sign now. The earlier ones stay published while their tokens are valid.',
    retired: 'That key is rejected, with everything that it signed.',
  }),
);

const STATUSES = ['active', 'next', 'retired'];

/** A kid has 43 characters; its first ones tell keys apart. */
const shorten = (kid = '') => kid.slice(0, 8);

/** The page for the keys that sign tokens: what each one does, rotating them, and rejecting one that leaked. */
export function createSigningKeyPages(
  router: Router,
  layout: ConsoleLayout,
  deps: SigningKeyPagesDeps,
): void {
  const { signedIn, signingKeys, freshSignIn } = deps;

  router.get(
    PATH,
    signedIn.page(async (ctx, user) => {
      freshSignIn.forgetAction(ctx);
      const keys = await signingKeys.list();
      layout.show(ctx, user, PATH, 'signing-keys', {
        title: 'Signing keys',
        notice: NOTICES.get(String(ctx.query.done)),
        keys: STATUSES.flatMap((status) => keys.filter((key) => key.status === status)).map((key) => ({
          ...key,
          name: shorten(key.kid),
        })),
        mayWrite: deps.covers(user.scopes, SCOPE),
        rotate: { action: ROTATE, csrf: user.csrf(ROTATE) },
        retire: { action: RETIRE, csrf: user.csrf(RETIRE) },
      });
    }, `${SCOPE}.read`),
  );

  const options = { scope: SCOPE, page: () => PATH };

  router.post(
    ROTATE,
    signedIn.form(
      freshSignIn.requireFactors(
        () => 'rotate the signing keys',
        async (ctx, { accountId }) => {
          await signingKeys.rotate({ accountId });
          seeOther(ctx, `${PATH}?done=rotated`);
        },
      ),
      options,
    ),
  );

  router.post(
    RETIRE,
    signedIn.form(
      freshSignIn.requireFactors(
        (_user, { kid }) => `reject the signing key ${shorten(kid)}`,
        async (ctx, { accountId }, { kid = '' }) => {
          await signingKeys.retire({ accountId }, kid);
          seeOther(ctx, `${PATH}?done=retired`);
        },
      ),
      options,
    ),
  );
}
