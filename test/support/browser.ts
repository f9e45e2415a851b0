/** A browser without JavaScript, with cookies and forms. Redirects are followed one at a time. */
export class Browser {
  readonly cookies = new Map<string, { value: string; path: string }>();
  readonly origin: string;
  readonly issuer: string;

  /**
   * @param origin of the server that answers
   * @param issuer the address that the person sees, if several servers share one
   */
  constructor(origin: string, issuer = origin) {
    this.origin = origin;
    this.issuer = issuer;
  }

  #keep(response: Response): void {
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split(';').map((part) => part.trim());
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? '/';
      const gone = attributes.some((one) => /^expires=Thu, 01 Jan 1970/i.test(one));
      if (gone) this.cookies.delete(`${path} ${name}`);
      else this.cookies.set(`${path} ${name}`, { value, path });
    }
  }

  #header(path: string): string {
    return [...this.cookies]
      .filter(
        ([, cookie]) =>
          path === cookie.path ||
          path.startsWith(cookie.path.endsWith('/') ? cookie.path : `${cookie.path}/`),
      )
      .map(([key, { value }]) => `${key.split(' ')[1]}=${value}`)
      .join('; ');
  }

  async request(url: string, init: RequestInit = {}): Promise<Response> {
    const target = new URL(url, this.origin);
    const headers = new Headers({ accept: 'text/html', ...(init.headers as Record<string, string>) });
    const cookie = this.#header(target.pathname);
    if (cookie) headers.set('cookie', cookie);
    // As a proxy in front of several servers does.
    if (this.origin !== this.issuer) headers.set('x-forwarded-host', new URL(this.issuer).host);
    const response = await fetch(target, { ...init, headers, redirect: 'manual' });
    this.#keep(response);
    return response;
  }

  get(url: string): Promise<Response> {
    return this.request(url);
  }

  post(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Response> {
    const body = new URLSearchParams(fields);
    return this.request(url, { method: 'POST', body, headers: { origin: this.issuer, ...headers } });
  }

  /** Follows redirects while they stay on this server. */
  async follow(response: Response): Promise<Response> {
    let current = response;
    for (let hops = 0; hops < 10; hops += 1) {
      const location = current.headers.get('location');
      if (!location) return current;
      const next = new URL(location, this.origin);
      if (![this.origin, this.issuer].includes(next.origin)) return current;
      await current.body?.cancel();
      current = await this.get(next.pathname + next.search);
    }
    throw new Error('too many redirects');
  }
}

export interface Form {
  action: string;
  fields: Record<string, string>;
  html: string;
}

/** The last form of a page with its hidden fields, but for the one that leads to other services. */
export async function formOf(response: Response): Promise<Form> {
  const html = await response.text();
  const form = [
    ...html.matchAll(/<form(?! class="continue")[^>]*action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/g),
  ].at(-1);
  if (!form)
    throw new Error(
      `no form on the page (${response.status}): ${html
        .replace(/<[^>]+>/g, ' ')
        .replace(/\s+/g, ' ')
        .slice(0, 300)}`,
    );
  const fields: Record<string, string> = {};
  for (const [, name = '', value = ''] of form[2]?.matchAll(
    /<input type="hidden" name="([^"]*)" value="([^"]*)"/g,
  ) ?? []) {
    fields[name] = value;
  }
  return { action: form[1] ?? '', fields, html };
}
