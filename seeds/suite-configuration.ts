import type { PrivateJwk } from '../src/oidc/signing-keys/generate.ts';
import type { BrowserScript } from './suite-browser.ts';

/** What the OpenID Foundation's conformance suite needs of this server. The names of its members are those of the suite. */
export interface SuiteConfiguration {
  alias: string;
  description: string;
  server: { discoveryUrl: string };
  client: SuiteClient;
  client2: SuiteClient;
  client_secret_post: SuiteClient;
  /** What the suite's own browser does on our pages. */
  browser: BrowserScript[];
  /** What it does in single modules instead. */
  override: Record<string, { browser: BrowserScript[] }>;
}

/** The same for the plans of FAPI 2.0, whose clients authenticate with a key. */
export interface FapiConfiguration {
  alias: string;
  description: string;
  server: { discoveryUrl: string };
  client: FapiSuiteClient;
  client2: FapiSuiteClient;
  resource: { resourceUrl: string };
  browser: BrowserScript[];
  override: Record<string, { browser: BrowserScript[] }>;
}

/** The same for the plans of CIBA, in which the suite asks to sign in the user that the hint names. */
export interface CibaConfiguration extends Omit<FapiConfiguration, 'browser' | 'override'> {
  client: CibaSuiteClient;
  client2: CibaSuiteClient;
}

export interface CibaSuiteClient extends FapiSuiteClient {
  hint_type: 'login_hint';
  hint_value: string;
  acr_value: string;
}

export interface FapiSuiteClient {
  client_id: string;
  scope: string;
  /** With the private key, which the suite signs with. */
  jwks: { keys: PrivateJwk[] };
}

export interface SuiteClient {
  client_id: string;
  client_secret: string;
}
