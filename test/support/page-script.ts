/** The one script of our pages, whole and from this server; whatever else looks like one is somebody else's. */
const OWN_SCRIPT =
  /<script src="\/assets\/passkeys\.\w{10}\.js" data-library="\/assets\/webauthn\.\w{10}\.js" defer><\/script>/g;

export const withoutOwnScript = (html: string) => html.replace(OWN_SCRIPT, '');
