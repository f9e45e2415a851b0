import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ejs, { type TemplateFunction } from 'ejs';
import { memo } from '../kit/memo.ts';
import type { Assets } from './assets.ts';

const directory = fileURLToPath(new URL('../../views/', import.meta.url));

function compile(name: string): TemplateFunction {
  const filename = `${directory}${name}.ejs`;
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
   */
  page(name: string, data: Record<string, unknown>): string;
}

/** Server-rendered pages: a view inside the layout, each compiled at its first use. */
export function createRenderer(deps: { assets: Assets; issuer: string }): Renderer {
  const compiled = new Map<string, TemplateFunction>();
  const shared = {
    host: new URL(deps.issuer).host,
    stylesheet: deps.assets.url('latchkey.css'),
    logo: deps.assets.url('logo.svg'),
  };
  const view = (name: string) => memo(compiled, name, () => compile(name));
  return {
    page: (name, data) =>
      view('layout')({ ...shared, bodyClass: 'door', ...data, content: view(name)({ ...shared, ...data }) }),
  };
}
