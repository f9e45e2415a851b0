import { readFileSync } from 'node:fs';
import ejs, { type TemplateFunction } from 'ejs';
import { projectPath } from '../kit/project-root.ts';
import type { Assets } from './assets.ts';

/** A title has no element to hold these in: left there, a name could turn the words that follow it. */
const TURNS_DIRECTION = /[\u202a-\u202e\u2066-\u2069]/g;

const directory = projectPath('views');

function compile(name: string): TemplateFunction {
  const filename = `${directory}/${name}.ejs`;
  return ejs.compile(readFileSync(filename, 'utf8'), {
    filename,
    strict: true,
    localsName: 'page',
    _with: false,
  });
}

export interface Renderer {
  /**
   * @param name below views/, without its ending
   * @param data `title` and what the view names; `alert` is the summary of what is wrong
   * @returns a whole HTML document, everything in it escaped
   * @throws Error when there is no such view
   */
  page(name: string, data: Record<string, unknown>): string;
}

/**
 * Server-rendered pages: a view inside the layout, each compiled at its first use.
 * @param deps `issuer` gives the host that every page names, `brand` whose account it is that people sign in with
 */
export function createRenderer(deps: {
  assets: Assets;
  issuer: string;
  brand?: string;
  passwordMinLength: number;
}): Renderer {
  const compiled = new Map<string, TemplateFunction>();
  const shared = {
    brand: deps.brand,
    host: new URL(deps.issuer).host,
    passwordMinLength: deps.passwordMinLength,
    stylesheet: deps.assets.url('latchkey.css'),
    logo: deps.assets.url('logo.svg'),
    passkeyScript: deps.assets.url('passkeys.js'),
    passkeyLibrary: deps.assets.url('webauthn.js'),
  };
  function view(name: string): TemplateFunction {
    const template = compiled.get(name) ?? compile(name);
    compiled.set(name, template);
    return template;
  }
  return {
    page(name, data) {
      const title = String(data.title).replace(TURNS_DIRECTION, '');
      // Shared last: no page may say that it is at another host.
      const all = { bodyClass: 'door', ...data, title, ...shared };
      return view('layout')({ ...all, content: view(name)(all) });
    },
  };
}

/** A line of at most 72 characters each, as far as its words are no longer (RFC 5322 section 2.1.1). */
const wrap = (text: string) => text.replace(/(.{1,72})(?:\s+|$)/g, '$1\n').trimEnd();

/**
 * The two forms of a mail, of the views `mail/message.txt` and `mail/message.html`; everything in the second is escaped.
 * @param deps `issuer` gives the host that every mail names
 */
export function createMailRenderer(deps: { issuer: string }) {
  const text = compile('mail/message.txt');
  const html = compile('mail/message.html');
  const { host } = new URL(deps.issuer);
  return (message: object): { text: string; html: string } => {
    const all = { ...message, host, wrap };
    return { text: text(all), html: html(all) };
  };
}
