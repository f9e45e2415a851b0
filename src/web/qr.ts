import { toString as draw } from 'qrcode';

/** A QR code as the address of an image, black on white, that stands in the page itself. */
export async function qrImage(text: string): Promise<string> {
  const svg = await draw(text, { type: 'svg', errorCorrectionLevel: 'M', margin: 2 });
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`;
}
