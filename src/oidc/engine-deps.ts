import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Config } from '../config/settings.ts';
import type { GuardedFetch } from '../kit/guarded-fetch.ts';
import type { Logger } from '../kit/log.ts';
import type { Secrets } from '../kit/secrets.ts';
import type { SignInRequestHooks } from './ciba/configuration.ts';
import type { FindAccount } from './claims.ts';
import type { IdentityAssertionDeps } from './id-jag/accept.ts';
import type { FindPairwiseSubject } from './pairwise-subjects.ts';
import type { PromptDeps } from './prompts.ts';
import type { Registration } from './registration/index.ts';
import type { FindResource } from './resources/service.ts';
import type { SecondFactorPolicy } from './second-factor-policy.ts';
import type { KeySet } from './signing-keys/key-set.ts';
import type { HandOut } from './token-exchange/connected-account-token.ts';

/** The pages that the engine lets us render. Each sets the response's body. */
export interface EnginePages {
  error(
    ctx: KoaContextWithOIDC,
    out: { error: string; error_description?: string },
    error: Error,
  ): Promise<void>;
  signOut(ctx: KoaContextWithOIDC): Promise<void>;
  signedOut(ctx: KoaContextWithOIDC): Promise<void>;
  /** A device was not connected: the user denied it, or its code no longer works. */
  deviceRefused: EnginePages['error'];
  deviceConnected(ctx: KoaContextWithOIDC): void;
}

export interface EngineDeps {
  config: Pick<
    Config,
    | 'clientCertificates'
    | 'issuer'
    | 'trustProxy'
    | 'ttl'
    | 'tokenEndpointAudience'
    | 'implicitGrant'
    | 'mtlsUrl'
    | 'groupsClaim'
  >;
  secrets: Secrets;
  /** Returns the storage of a model by its name; that of `Client` returns documents of RFC 7591. */
  adapter: (model: string) => object;
  /** @returns undefined for an account that does not exist or is disabled */
  findAccount: FindAccount;
  findResource: FindResource;
  secondFactorPolicy: SecondFactorPolicy;
  keys: KeySet;
  pages: EnginePages;
  log: Logger;
  /** Every request of the engine to a URL of an application. */
  fetch: GuardedFetch;
  /**
   * Counts a request object that is to be fetched for an address.
   * @param isChecked whether an operator has checked the application
   * @throws LatchkeyError rate_limited
   */
  countReference(ip: string | undefined, isChecked: boolean): Promise<void>;
  findPairwiseSubject: FindPairwiseSubject;
  /** What the engine needs for applications that register themselves. */
  registration: Pick<Registration, 'checkMetadata' | 'features' | 'isSectorRead'>;
  signInRequests: SignInRequestHooks;
  identityAssertions: IdentityAssertionDeps;
  findUnconnected: PromptDeps['findUnconnected'];
  handOut: HandOut;
  /** Called with each client that was given a code or a token. */
  recordClientUse(clientId: string): void;
}
