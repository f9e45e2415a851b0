import { readFileSync } from 'node:fs';
import ejs from 'ejs';
import { projectPath } from '../../kit/project-root.ts';
import type { CreatedInvitation } from './invitation.ts';

/** Text that begins like a formula would be executed by a spreadsheet, so it gets an apostrophe in front. */
const cell = (value: unknown) => {
  const text = String(value ?? '').replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Invitations as CSV (RFC 4180), one on each line. */
export function toCsv(invitations: CreatedInvitation[]): string {
  const rows = invitations.map(({ id, label, email, code, url, scopes, max_uses, expires_at }) =>
    [id, label, email, code, url, scopes.join(' '), max_uses, expires_at ?? 'never'].map(cell).join(','),
  );
  return ['id,label,email,code,url,scopes,max_uses,expires_at', ...rows].join('\r\n');
}

/** A link as an SVG of its QR code, to be put into a page as it is. */
export async function qrCode(url: string): Promise<string> {
  // Loaded at its first use, because most runs of the command draw none.
  const { default: QRCode } = await import('qrcode');
  return QRCode.toString(url, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 });
}

/** An HTML document to print and cut up: the QR code, the code and the expiry of each invitation. */
export async function toSheet(invitations: CreatedInvitation[]): Promise<string> {
  const file = projectPath('views/invitations/print-sheet.ejs');
  const cards = await Promise.all(
    invitations.map(async (invitation) => ({ ...invitation, qr: await qrCode(invitation.url) })),
  );
  return ejs.render(readFileSync(file, 'utf8'), { cards });
}
