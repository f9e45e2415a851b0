/** Matches the script elements of our pages. Any other script in a page is an injected one. */
const OWN_SCRIPT =
  /<script src="\/assets\/(passkeys\.\w{10}\.js" data-library="\/assets\/webauthn|copy)\.\w{10}\.js" defer><\/script>/g;

export const withoutOwnScript = (html: string) => html.replace(OWN_SCRIPT, '');
