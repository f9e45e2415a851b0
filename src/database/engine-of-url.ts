import { resolve } from 'node:path';
import type { Engine } from './statement-builders.ts';

export function engineOf(url: string): Engine {
  if (url.startsWith('sqlite:')) return 'sqlite';
  return /^postgres/.test(url) ? 'postgres' : 'mysql';
}

/** The file of `sqlite:path` or `sqlite:///absolute/path`. */
export function sqliteFile(url: string): string {
  return resolve(url.replace(/^sqlite:(\/\/)?/, ''));
}

/** Where the data is, for people: the path of the file, or the URL without user and password. */
export function describeDatabase(url: string): string {
  return engineOf(url) === 'sqlite' ? sqliteFile(url) : url.replace(/\/\/[^@/]*@/, '//').replace(/\?.*$/, '');
}
