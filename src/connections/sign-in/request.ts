import type { Service } from '../services/service-config.ts';

/** Scopes that say who the person is, and give no access to their data. */
const IDENTITY_SCOPES = ['openid', 'email', 'profile'];

/**
 * The service as a sign-in uses it: only who the person is is requested. Parameters of a connection are left out, since
 * `access_type=offline` would have Google issue one more refresh token and end an older one in its place. With
 * `select_account` the person sees which account they sign in with (OpenID Connect Core section 3.1.2.1).
 */
export function forSignIn(service: Service): Service {
  const { settings } = service;
  const scopes = settings.signIn?.scopes ?? service.scopes.filter((scope) => IDENTITY_SCOPES.includes(scope));
  const standard: Record<string, string> = scopes.includes('openid') ? { prompt: 'select_account' } : {};
  const authorizeParams = settings.signIn?.authorizeParams ?? standard;
  return { ...service, scopes, settings: { ...settings, authorizeParams } };
}
