import { randomBytes } from 'node:crypto';
import { refuse } from '../../kit/errors.ts';
import type { Endpoints } from '../endpoints.ts';
import type { Preset } from './preset.ts';
import { fillInLine, fillInText, type PasteFormat } from './write-values.ts';

/** What an operator says about an application: where it is, and values for the options of its preset. */
export interface PresetInput {
  url?: string | undefined;
  options: Record<string, string>;
}

const OPTION_VALUE = /^[\w.~-]{1,100}$/;

/** The address without a slash at the end. @throws LatchkeyError invalid_input */
function readUrl(url: string): string {
  const parsed = URL.parse(url);
  if (
    !parsed ||
    !/^https?:$/.test(parsed.protocol) ||
    parsed.search ||
    parsed.hash ||
    parsed.username ||
    parsed.password
  )
    refuse('application_url_invalid', `--url ${url} is no address such as https://rss.example.com`);
  return (parsed as URL).href.replace(/\/+$/, '');
}

function readOptions(preset: Preset, chosen: Record<string, string>): Record<string, string> {
  for (const [name, value] of Object.entries(chosen)) {
    if (!Object.hasOwn(preset.options, name))
      refuse(
        'preset_option_unknown',
        `The preset ${preset.name} has no option ${name}. It has: ${Object.keys(preset.options).join(', ') || 'none'}.`,
      );
    if (!OPTION_VALUE.test(value))
      refuse('preset_option_invalid', `--set ${name}: use letters, digits, dots, hyphens and underscores.`);
  }
  const defaults = Object.entries(preset.options).map(([name, option]) => [name, option.default]);
  return { ...Object.fromEntries(defaults), ...chosen };
}

/** Whether `--url` is needed: an address or a text begins with the address of the application. */
export const needsUrl = ({ redirect, signOut, paste }: Preset): boolean =>
  [...redirect, ...signOut].some((address) => address.startsWith('/')) ||
  /\{\{(url|host)(:json)?\}\}/.test(JSON.stringify([redirect, signOut, paste]));

/** The values of the placeholders: the options of the preset, and the application's URL and host. */
function valuesOf(preset: Preset, { url, options }: PresetInput): Record<string, string> {
  if (url === undefined && needsUrl(preset))
    refuse('application_url_missing', `Name the address of ${preset.title} with --url https://…`);
  const values = readOptions(preset, options);
  if (url === undefined) return values;
  const address = readUrl(url);
  return { ...values, url: address, host: new URL(address).host };
}

/** The registration that a preset stands for. @throws LatchkeyError invalid_input */
export function toRegistration(preset: Preset, place: PresetInput) {
  const values = valuesOf(preset, place);
  const resolve = (path: string) => fillInLine(path.startsWith('/') ? `{{url}}${path}` : path, values);
  return {
    name: preset.title,
    resourceServer: preset.resourceServer,
    redirectUris: preset.redirect.map(resolve),
    postLogoutRedirectUris: preset.signOut.map(resolve),
    clientUri: values.url === undefined ? undefined : resolve(preset.front),
    public: preset.kind === 'public',
    pkce: preset.pkce,
    scope: preset.scope,
    claims: preset.claims.filter((claim) => claim.includes('=')),
  };
}

/** What to do at the application, with everything filled in. */
export interface Instructions {
  preset: string;
  paste: { format: PasteFormat; where: string; text: string }[];
  try: string;
  needs: string[];
  /** What the application says when it does not connect. */
  symptoms: { says: string; cause: string; do: string }[];
  /** The version that was connected in this way; null: only its documentation was read. */
  tried: string | null;
  source: string;
}

/**
 * A random key for cookies. Some applications need 16 bytes, others 32: this is 16 bytes as hexadecimal, and 32 as
 * text.
 */
const randomText = () => randomBytes(16).toString('hex');

/** Puts the client ID and the secret into the URL, for applications with one setting for all three. */
function withCredentials(address: string, id: string, secret: string): string {
  const url = new URL(address);
  url.username = id;
  url.password = secret;
  return url.href;
}

/**
 * @param client as it was registered: its `client_secret` is missing for a public one
 * @param random a secret for the application's own use, such as the key of its cookies; Latchkey does not keep it
 */
export function toInstructions(
  preset: Preset,
  place: PresetInput,
  client: { client_id: string; client_secret?: string; scope?: unknown; redirect_uris?: unknown },
  endpoints: Endpoints,
  random: string = randomText(),
): Instructions {
  const { client_id, client_secret = '' } = client;
  const values = {
    ...valuesOf(preset, place),
    ...endpoints,
    introspection_with_credentials: withCredentials(
      endpoints.introspection_endpoint,
      client_id,
      client_secret,
    ),
    client_id,
    client_secret,
    scope: String(client.scope),
    redirect_uri: String([client.redirect_uris].flat()[0]),
    random,
  };
  return {
    preset: preset.name,
    paste: preset.paste.map(({ format, where, text }) => ({
      format,
      where: fillInLine(where, values),
      text: fillInText(format, text, values),
    })),
    try: fillInLine(preset.try, values),
    needs: preset.needs.map((need) => fillInLine(need, values)),
    symptoms: preset.symptoms.map(({ says, cause, do: remedy }) => ({
      says,
      cause: fillInLine(cause, values),
      do: fillInLine(remedy, values),
    })),
    tried: preset.tried,
    source: preset.source,
  };
}

/**
 * To be called before the application is registered: its secret is shown once, with these instructions.
 * @throws LatchkeyError invalid_input when a value does not fit into them
 */
export function checkInstructions(
  preset: Preset,
  place: PresetInput,
  client: { clientId?: string; scope?: string; redirectUris?: string[] },
  endpoints: Endpoints,
): void {
  const { clientId = 'id', scope, redirectUris } = client;
  toInstructions(preset, place, { client_id: clientId, scope, redirect_uris: redirectUris }, endpoints);
}
