import type { Service } from './service-config.ts';

/** What is known about a service before it is added. Its client is registered there by the operator. */
export type ServicePreset = Omit<Service, 'name' | 'clientId' | 'clientSecret' | 'isActive'>;

const GOOGLE_SCOPE = 'https://www.googleapis.com/auth/';

/**
 * Public facts from the documentation of each service. The first of `apiBaseUrls` is the usual one; a path that begins
 * with the path of another one belongs to that.
 */
export const PRESETS: Record<string, ServicePreset> = {
  // https://accounts.google.com/.well-known/openid-configuration
  // https://developers.google.com/identity/protocols/oauth2/web-server
  google: {
    displayName: 'Google',
    authType: 'oauth2',
    issuer: 'https://accounts.google.com',
    authUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
    tokenUrl: 'https://oauth2.googleapis.com/token',
    revokeUrl: 'https://oauth2.googleapis.com/revoke',
    userinfoUrl: 'https://openidconnect.googleapis.com/v1/userinfo',
    scopes: [
      'openid',
      'email',
      'profile',
      `${GOOGLE_SCOPE}calendar.readonly`,
      `${GOOGLE_SCOPE}gmail.readonly`,
      `${GOOGLE_SCOPE}contacts.readonly`,
    ],
    apiBaseUrls: [
      'https://www.googleapis.com/',
      'https://gmail.googleapis.com/gmail/',
      'https://people.googleapis.com/v1/',
    ],
    settings: {
      // Without both, Google issues a refresh token only the first time that a person allows access.
      authorizeParams: { access_type: 'offline', prompt: 'consent', include_granted_scopes: 'true' },
      clientAuth: 'client_secret_post',
      identity: {
        from: 'id_token',
        id: 'sub',
        email: 'email',
        emailVerified: 'email_verified',
        name: 'name',
        picture: 'picture',
      },
      sync: 'google',
      readScopes: [
        `${GOOGLE_SCOPE}calendar.readonly`,
        `${GOOGLE_SCOPE}gmail.readonly`,
        `${GOOGLE_SCOPE}contacts.readonly`,
      ],
      writeScopes: [`${GOOGLE_SCOPE}calendar`, `${GOOGLE_SCOPE}gmail.modify`, `${GOOGLE_SCOPE}contacts`],
    },
  },

  // https://docs.usemotion.com, "Getting started" and "Rate limits": 12 requests a minute for one person, 120 for teams.
  motion: {
    displayName: 'Motion',
    authType: 'api_key',
    scopes: [],
    apiBaseUrls: ['https://api.usemotion.com/v1/'],
    settings: {
      apiKey: { header: 'X-API-Key', check: { url: 'https://api.usemotion.com/v1/users/me' } },
      identity: {
        from: 'api',
        url: 'https://api.usemotion.com/v1/users/me',
        id: 'id',
        email: 'email',
        name: 'name',
      },
      rateLimit: { requests: 12, seconds: 60 },
      sync: 'motion',
    },
  },

  // https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
  // GitHub revokes by an API of its own, not by RFC 7009, so a disconnected grant ends at github.com/settings/applications.
  github: {
    displayName: 'GitHub',
    authType: 'oauth2',
    authUrl: 'https://github.com/login/oauth/authorize',
    tokenUrl: 'https://github.com/login/oauth/access_token',
    userinfoUrl: 'https://api.github.com/user',
    scopes: ['read:user', 'user:email'],
    apiBaseUrls: ['https://api.github.com/'],
    settings: {
      clientAuth: 'client_secret_post',
      identity: { from: 'userinfo', id: 'id', email: 'email', name: 'name', picture: 'avatar_url' },
      // Without a scope, GitHub shows what everybody can see: the id of the account is part of that.
      signIn: { scopes: [], authorizeParams: { prompt: 'select_account' } },
    },
  },

  // https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow
  // Without openid: the issuer of an ID token is that of the person's organization, which nobody knows beforehand.
  microsoft: {
    displayName: 'Microsoft',
    authType: 'oauth2',
    authUrl: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
    tokenUrl: 'https://login.microsoftonline.com/common/oauth2/v2.0/token',
    scopes: ['offline_access', 'User.Read', 'Calendars.Read', 'Mail.Read', 'Contacts.Read'],
    apiBaseUrls: ['https://graph.microsoft.com/v1.0/'],
    settings: {
      authorizeParams: { prompt: 'select_account' },
      clientAuth: 'client_secret_post',
      identity: {
        from: 'api',
        url: 'https://graph.microsoft.com/v1.0/me',
        id: 'id',
        email: 'mail',
        name: 'displayName',
      },
      signIn: { scopes: ['User.Read'], authorizeParams: { prompt: 'select_account' } },
      readScopes: ['Calendars.Read', 'Mail.Read', 'Contacts.Read'],
      writeScopes: ['Calendars.ReadWrite', 'Mail.ReadWrite', 'Contacts.ReadWrite'],
    },
  },
};

/** Where an operator registers this server as a client. */
export const REGISTER_AT: Record<string, string> = {
  google: 'https://console.cloud.google.com/auth/clients',
  github: 'https://github.com/settings/applications/new',
  microsoft: 'https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade',
};

export const findPreset = (name: string): ServicePreset | undefined =>
  Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;

/** A URL with another origin, and its path below that of `base`. */
function moveTo(base: URL, url: string): string {
  const { pathname, search } = new URL(url);
  const prefix = base.pathname.replace(/\/$/, '');
  // The base URL of an API may be given as a whole: https://proxy.example/v1 for https://api.usemotion.com/v1.
  const [, first = ''] = pathname.split('/');
  const path = prefix !== '' && prefix.endsWith(`/${first}`) ? pathname.slice(first.length + 1) : pathname;
  return `${base.origin}${prefix}${path}${search}`;
}

/**
 * Replaces the origin of every URL of a preset, for a proxy in front of the service or a stand-in of it.
 * @param base a URL that was checked
 */
export function withBaseUrl(preset: ServicePreset, base: URL): ServicePreset {
  const move = (url: string | undefined) => url && moveTo(base, url);
  const { apiKey, identity } = preset.settings;
  return {
    ...preset,
    issuer: preset.issuer && `${base.origin}${base.pathname.replace(/\/$/, '')}`,
    authUrl: move(preset.authUrl),
    tokenUrl: move(preset.tokenUrl),
    revokeUrl: move(preset.revokeUrl),
    userinfoUrl: move(preset.userinfoUrl),
    apiBaseUrls: preset.apiBaseUrls.map((url) => moveTo(base, url)),
    settings: {
      ...preset.settings,
      apiKey: apiKey && { ...apiKey, check: { url: moveTo(base, apiKey.check.url) } },
      identity: { ...identity, url: move(identity.url) },
    },
  };
}
