import { errors, type KoaContextWithOIDC } from 'oidc-provider';
import type { EngineClient } from '../clients/client-document.ts';
import { readRequestedAcr } from '../requested-acr.ts';
import { countOpenRequests } from './store.ts';

/** How long the user has to answer, unless the application asks for another time, up to the longest. How often it may poll: `../poll-interval.ts`. */
const DEFAULT_TTL_SECONDS = 300;
const MAX_TTL_SECONDS = 600;
/** How many requests may wait for one account. Each sends a mail. */
const MAX_OPEN_REQUESTS = 5;
/** Visible text of one line, which the user compares with that of the application (CIBA Core section 7.1). */
const BINDING_MESSAGE = /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]{1,64}$/u;

export interface SignInRequestHooks {
  /** Finds an active account by its username or its confirmed e-mail address. */
  findByHint(hint: string): Promise<{ id: string } | undefined>;
  /** Whether its owner has closed the account, and can still come back. */
  isClosing(accountId: string): Promise<boolean>;
  /** Mails the user that an application asks for a sign-in. Called once the request is committed. */
  announce(accountId: string, request: { clientName: string; bindingMessage: string | undefined }): void;
}

/** The engine's `features.ciba`, and its `ttl.BackchannelAuthenticationRequest`. */
export function createCiba(hooks: SignInRequestHooks) {
  return {
    feature: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],

      async processLoginHint(_ctx: unknown, hint: string): Promise<string | undefined> {
        return (await hooks.findByHint(hint))?.id;
      },
      async processLoginHintToken(): Promise<never> {
        throw new errors.InvalidRequest('login_hint_token is not supported; use login_hint or id_token_hint');
      },
      async validateBindingMessage(_ctx: unknown, message: string | undefined): Promise<void> {
        if (message !== undefined && !BINDING_MESSAGE.test(message))
          throw new errors.InvalidBindingMessage('binding_message has 1 to 64 visible characters');
      },
      /**
       * What an application tells us about its context decides nothing. Those of the FAPI profile sign their requests
       * (FAPI-CIBA section 5.2.2).
       * @throws InvalidRequest
       */
      async validateRequestContext({ oidc }: KoaContextWithOIDC): Promise<void> {
        const { isEssential, level } = readRequestedAcr(oidc.params ?? {});
        if (isEssential && level === 0)
          throw new errors.InvalidRequest('the essential acr is none that this server knows');
        if (oidc.isFapi('2.0') && oidc.body?.request === undefined)
          throw new errors.InvalidRequest(
            'an application of the FAPI profile sends its request as a signed request object (request)',
          );
      },
      /**
       * Called with the account of each kind of hint. Users approve at a page that they sign in to, so they need no code for
       * each request.
       * @throws UnknownUserId for an account that is closing; InvalidRequest for one that has enough to answer, so that nobody
       *   floods a mailbox
       */
      async verifyUserCode(_ctx: unknown, { accountId }: { accountId: string }): Promise<void> {
        if (await hooks.isClosing(accountId)) throw new errors.UnknownUserId('could not identify end-user');
        if ((await countOpenRequests(accountId)) >= MAX_OPEN_REQUESTS)
          throw new errors.InvalidRequest('too many requests wait for this user; try again in some minutes');
      },
      async triggerAuthenticationDevice(
        ctx: KoaContextWithOIDC,
        request: { params?: { binding_message?: string } },
        account: { accountId: string },
        client: EngineClient,
      ): Promise<void> {
        const clientName = client.clientName ?? client.clientId;
        const bindingMessage = request.params?.binding_message;
        ctx.res.once('finish', () => {
          if (ctx.status === 200) hooks.announce(account.accountId, { clientName, bindingMessage });
        });
      },
    },

    /** Seconds. */
    ttl({ oidc }: KoaContextWithOIDC): number {
      const requested = oidc.params?.requested_expiry;
      return requested === undefined ? DEFAULT_TTL_SECONDS : Math.min(Number(requested), MAX_TTL_SECONDS);
    },
  };
}
