// The part of a single-page application that signs people in. It runs in the browser. With a bundler, replace the
// first line with: import { UserManager } from 'oidc-client-ts';
const { UserManager } = globalThis.oidc;

const settings = await (await fetch('/settings.json')).json();
const manager = new UserManager({
  authority: settings.issuer,
  client_id: settings.clientId,
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/`,
  scope: 'openid profile email',
  // Gets a new access token with the refresh token shortly before the old one expires.
  automaticSilentRenew: true,
});

const element = (id) => document.getElementById(id);

function show(user) {
  element('status').textContent = user
    ? `Signed in as ${user.profile.name ?? user.profile.preferred_username}. The access token is valid for ${user.expires_in} seconds.`
    : 'You are not signed in.';
  element('sign-in').hidden = Boolean(user);
  element('sign-out').hidden = !user;
}

element('sign-in').onclick = () => manager.signinRedirect();
element('sign-out').onclick = () => manager.signoutRedirect();
manager.events.addUserLoaded(show);
manager.events.addUserUnloaded(() => show(null));

try {
  if (location.pathname === '/callback') {
    await manager.signinCallback();
    history.replaceState(null, '', '/');
  }
  show(await manager.getUser());
} catch (error) {
  show(null);
  element('status').textContent = `You are not signed in: ${error.message}`;
}
