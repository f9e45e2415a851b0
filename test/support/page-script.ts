/** Matches the script elements of our pages. Any other script in a page is an injected one. */
const OWN_SCRIPT = /<script src="\/assets\/(passkeys|copy)\.\w{10}\.js" defer><\/script>/g;

export const withoutOwnScript = (html: string) => html.replace(OWN_SCRIPT, '');
