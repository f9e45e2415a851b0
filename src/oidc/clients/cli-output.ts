import { print, printError } from '../../kit/terminal.ts';
import type { Endpoints } from '../endpoints.ts';
import type { Instructions } from '../presets/fill.ts';
import type { ClientDocument } from './client-document.ts';
import type { StepResult } from './connection-test.ts';
import { type ClientKeySet, describeKeySet } from './key-sets.ts';
import { describeLogo } from './logo.ts';
import type { Refusal } from './store.ts';

export const describeRefusal = ({ at, action, error, parameter, description }: Refusal) =>
  [at, action, error, parameter && `(${parameter})`, description].filter(Boolean).join(' ');

export const describeFinding = ({ step, ok, says }: StepResult) =>
  `${ok ? 'ok   ' : 'WRONG'} ${step}: ${says}`;

/** How an application came here that no operator registered. */
const ORIGINS: Record<string, string> = {
  dynamic: 'itself',
  registration_token: 'itself with a token',
  metadata_document: 'its metadata document',
};

/** One line of `latchkey client list`. */
export function summarize(document: Record<string, unknown>) {
  const { client_id, client_name, token_endpoint_auth_method, is_active, registered_via, last_used_at } =
    document;
  const kind = token_endpoint_auth_method === 'none' ? 'public' : 'confidential';
  const state = is_active ? 'active' : 'disabled';
  const origin = registered_via === 'admin' ? '' : `registered by ${ORIGINS[String(registered_via)]}`;
  return {
    client_id,
    kind,
    state,
    client_name,
    origin,
    used: last_used_at ? `last used ${last_used_at}` : '',
  };
}

/** An application as people read it: its logo and keys are described, because they are long. */
export const toReadable = ({ logo_uri: logo, jwks, ...document }: ClientDocument) => ({
  ...document,
  jwks: jwks === undefined ? undefined : describeKeySet(jwks as ClientKeySet),
  logo_uri: logo === undefined ? undefined : describeLogo(String(logo)),
});

/** Prints an application, and its warnings on standard error. */
export function printDocument(
  { warnings = [], ...document }: ClientDocument,
  asJson: boolean | undefined,
): void {
  for (const warning of warnings) printError(`Warning: ${warning}`);
  const json = warnings.length > 0 ? { ...document, warnings } : document;
  print(asJson ? json : toReadable(document), asJson);
}

/** What every application asks for, each value on its own line. */
export function printEndpoints(document: ClientDocument, endpoints: Endpoints): void {
  const { client_id, client_secret, scope } = document;
  process.stdout.write('\nWhat the application asks for:\n\n');
  print(
    {
      Issuer: endpoints.issuer,
      Discovery: endpoints.discovery,
      Authorization: endpoints.authorization_endpoint,
      Token: endpoints.token_endpoint,
      Userinfo: endpoints.userinfo_endpoint,
      'Signing keys (JWKS)': endpoints.jwks_uri,
      'Sign-out': endpoints.end_session_endpoint,
      Introspection: endpoints.introspection_endpoint,
      'Client ID': client_id,
      'Client secret': client_secret,
      Scopes: scope,
    },
    false,
  );
}

/** What to paste into an application, and how to see that it works. */
export function printInstructions(instructions: Instructions): void {
  const { paste, needs, tried, source } = instructions;
  for (const { where, text } of paste) process.stdout.write(`\n${where}:\n\n${text.trimEnd()}\n`);
  process.stdout.write('\n');
  for (const need of needs) process.stdout.write(`It needs ${need}.\n`);
  process.stdout.write(`${instructions.try}\n`);
  process.stdout.write(tried === null ? `From its documentation: ${source}\n` : `Tried with ${tried}.\n`);
}
