import type { ServiceChange } from '../connections/services/changes.ts';
import type { NewService } from '../connections/services/drafts.ts';
import type { ServiceDocument } from '../connections/services/service-document.ts';
import { LatchkeyError } from '../kit/errors.ts';

type Fields = Record<string, string>;

const list = (text = '') => text.split(/[\s,]+/).filter(Boolean);
const orUndefined = (text = '') => text.trim() || undefined;

/** Calls a minute that a connection may make; an empty field is no limit. */
const toRateLimit = (calls = '') =>
  calls.trim() === '' ? undefined : { requests: Number(calls), seconds: 60 };

const perMinute = (limit: { requests: number; seconds: number } | undefined) =>
  limit === undefined ? '' : String(Math.round((limit.requests * 60) / limit.seconds));

/** @param preset undefined for a service that describes itself */
export function toNewService(fields: Fields, preset: string | undefined): NewService {
  const client = { clientId: orUndefined(fields.client_id), clientSecret: orUndefined(fields.client_secret) };
  const scopes = orUndefined(fields.scope) && list(fields.scope);
  if (preset !== undefined)
    return { name: preset, preset, change: { ...client, ...(scopes ? { scopes } : {}) } };
  return {
    name: (fields.name ?? '').trim(),
    metadata: {},
    change: {
      ...client,
      ...(scopes ? { scopes } : {}),
      displayName: orUndefined(fields.display_name),
      issuer: (fields.issuer ?? '').trim(),
      apiBaseUrls: list(fields.api_base_urls),
    },
  };
}

/** What the form of a service shows. */
export const toTyped = ({ display_name, client_id, scopes, settings }: ServiceDocument): Fields => ({
  ...(settings.maySignIn ? { sign_in: 'yes' } : {}),
  display_name,
  client_id: client_id ?? '',
  scope: scopes.join(' '),
  calls: perMinute(settings.rateLimit),
});

/** The form changes no URL, so it sends no stored credential elsewhere. */
export function toChange(fields: Fields, { auth_type, settings }: ServiceDocument): ServiceChange {
  const isUnchanged = fields.calls?.trim() === perMinute(settings.rateLimit);
  const rateLimit = isUnchanged ? settings.rateLimit : toRateLimit(fields.calls);
  const displayName = (fields.display_name ?? '').trim();
  if (auth_type === 'api_key') return { displayName, settings: { rateLimit } };
  return {
    displayName,
    clientId: (fields.client_id ?? '').trim(),
    clientSecret: orUndefined(fields.client_secret),
    scopes: list(fields.scope),
    settings: { rateLimit, maySignIn: fields.sign_in === 'yes' ? true : undefined },
  };
}

/** The member of a service → the field of the form, where the two differ. */
const FIELDS: Record<string, string> = {
  displayName: 'display_name',
  clientId: 'client_id',
  clientSecret: 'client_secret',
  scopes: 'scope',
  apiBaseUrls: 'api_base_urls',
  settings: 'calls',
};

/** The code of an error that concerns one field → that field, and what the page says. */
const CASES: Record<string, [field: string, text?: string]> = {
  service_client_missing: ['client_id', 'Enter the client id'],
  service_secret_missing: ['client_secret', 'Enter the client secret'],
  service_exists: ['name', 'There is a service with this name already'],
  service_discovery_failed: ['issuer'],
  service_url_outside: ['api_base_urls'],
};

/** @returns a sentence for each field at fault @throws the error, if it is about no field */
export function faultsOf(error: unknown): Record<string, string> {
  if (!(error instanceof LatchkeyError)) throw error;
  const [field, text] = CASES[error.code] ?? [];
  if (field !== undefined) return { [field]: text ?? error.message };
  const faults = Object.entries(error.faults);
  if (faults.length === 0) throw error;
  return Object.fromEntries(faults.map(([name, fault]) => [FIELDS[name] ?? name, fault]));
}
