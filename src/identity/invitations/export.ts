import { readFileSync } from 'node:fs';
import ejs from 'ejs';
import { projectPath } from '../../kit/project-root.ts';
import type { MadeInvitation } from './store.ts';

/** A cell that begins like a formula is one to a spreadsheet: it gets an apostrophe. */
const cell = (value: unknown) => {
  const text = String(value ?? '').replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Invitations as CSV (RFC 4180), one a line. */
export function toCsv(invitations: MadeInvitation[]): string {
  const rows = invitations.map(({ id, label, email, code, url, scopes, max_uses, expires_at }) =>
    [id, label, email, code, url, scopes.join(' '), max_uses, expires_at ?? 'never'].map(cell).join(','),
  );
  return ['id,label,email,code,url,scopes,max_uses,expires_at', ...rows].join('\r\n');
}

/** The invitation's link as an SVG, black on white, that a page may hold as it is. */
export async function qrCode(url: string): Promise<string> {
  // Loaded when one is drawn: most runs of the command draw none.
  const { default: QRCode } = await import('qrcode');
  return QRCode.toString(url, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 });
}

/** A page of its own to print and cut: a QR code, the code and its end for each invitation. */
export async function toSheet(invitations: MadeInvitation[]): Promise<string> {
  const file = projectPath('views/invitations/sheet.ejs');
  const cards = await Promise.all(
    invitations.map(async (invitation) => ({ ...invitation, qr: await qrCode(invitation.url) })),
  );
  return ejs.render(readFileSync(file, 'utf8'), { cards });
}
