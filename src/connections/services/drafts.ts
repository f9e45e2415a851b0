import { z } from 'zod';
import { refuse } from '../../kit/errors.ts';
import type { GuardedFetch } from '../../kit/guarded-fetch.ts';
import { parse } from '../../kit/parse.ts';
import { applyChange, type Draft, type ServiceChange } from './changes.ts';
import { discover, toChange } from './metadata.ts';
import { findPreset, PRESETS, type ServicePreset, withBaseUrl } from './presets.ts';
import type { ServiceSettings } from './service-config.ts';
import { serviceUrl } from './urls.ts';

/** A service that an operator adds. */
export interface NewService {
  name: string;
  /** Its preset. Default: the one with the name of the service, unless there is `metadata`. */
  preset?: string | undefined;
  /** Replaces the origin of every URL of the preset. */
  baseUrl?: string | undefined;
  /** A description with the names of RFC 8414. */
  metadata?: unknown;
  /** Single values, which are stronger than the preset and the description. */
  change: ServiceChange;
}

interface DraftDeps {
  /** Whether URLs may use http and lead into private networks. */
  allowPrivate: boolean;
  /** Fetches the metadata that an issuer publishes. */
  fetch: GuardedFetch;
}

/** The claims of OpenID Connect Core section 5.1. */
const STANDARD_CLAIMS = {
  id: 'sub',
  email: 'email',
  emailVerified: 'email_verified',
  name: 'name',
  picture: 'picture',
};

/** Where the identity of an account is read, if nobody says so. */
function chooseIdentity({ issuer, scopes, userinfoUrl }: Draft): ServiceSettings['identity'] | undefined {
  if (issuer !== undefined && scopes?.includes('openid')) return { from: 'id_token', ...STANDARD_CLAIMS };
  return userinfoUrl === undefined ? undefined : { from: 'userinfo', ...STANDARD_CLAIMS };
}

/**
 * @param base a URL in the place of the origins of its URLs; undefined keeps them
 * @throws LatchkeyError invalid_input
 */
function getPreset(name: string, base: string | undefined, { allowPrivate }: DraftDeps): ServicePreset {
  const known = findPreset(name);
  if (!known)
    refuse(
      'service_preset_unknown',
      `There is no preset ${name}. There are ${Object.keys(PRESETS).join(', ')}.`,
    );
  if (base === undefined) return known;
  const checked = parse(serviceUrl('The base URL', { allowPrivate, mayHaveQuery: false }), base);
  return withBaseUrl(known, new URL(checked));
}

/** @returns the URLs of a preset below another base URL @throws LatchkeyError invalid_input */
export function moveUrls(name: string, base: string, deps: DraftDeps): ServiceChange {
  const { displayName: _, authType: _type, scopes: _scopes, settings, ...urls } = getPreset(name, base, deps);
  const { apiKey, identity } = settings;
  return { ...urls, settings: { identity, ...(apiKey ? { apiKey } : {}) } };
}

/** @returns what is known about the service before its own values @throws LatchkeyError invalid_input */
async function getBasis(
  { name, preset, baseUrl, metadata }: NewService,
  { issuer, authType, authUrl, tokenUrl }: Draft,
  deps: DraftDeps,
): Promise<ServiceChange> {
  const presetName = preset ?? (metadata === undefined && findPreset(name) ? name : undefined);
  if (presetName !== undefined) return getPreset(presetName, baseUrl, deps);
  if (baseUrl !== undefined)
    refuse('service_base_url_unsuitable', 'A base URL belongs to a preset. Name the URLs of the service.');
  if (metadata === undefined && issuer === undefined && authUrl === undefined)
    refuse(
      'service_undescribed',
      `Nothing is known about ${name}. There are presets for ${Object.keys(PRESETS).join(', ')}. Describe another service with --metadata FILE, or name its issuer: --issuer URL.`,
    );
  const isComplete = authType === 'api_key' || (authUrl && tokenUrl);
  if (!issuer || isComplete) return {};
  const { allowPrivate, fetch } = deps;
  // Under its name, so that a form can show the fault beside its field.
  const checked = z.object({ issuer: serviceUrl('The issuer', { allowPrivate, mayHaveQuery: false }) });
  return discover(fetch, parse(checked, { issuer }).issuer);
}

/**
 * Puts a new service together. The schema says later what it lacks.
 * @throws LatchkeyError invalid_input
 */
export async function toDraft(input: NewService, deps: DraftDeps): Promise<Draft> {
  const { name } = input;
  const described = input.metadata === undefined ? {} : toChange(input.metadata);
  const own = applyChange(applyChange({}, described), input.change);
  const basis = await getBasis(input, own, deps);
  const empty: Draft = { name, displayName: name, authType: 'oauth2', scopes: [], apiBaseUrls: [] };
  const draft = [basis, described, input.change].reduce(applyChange, empty);
  const identity = draft.settings?.identity ?? chooseIdentity(draft);
  return { ...draft, settings: { ...draft.settings, ...(identity ? { identity } : {}) } };
}
