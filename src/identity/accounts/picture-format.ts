import { hash } from 'node:crypto';
import { LatchkeyError } from '../../kit/errors.ts';

/** A picture with more is not decoded: a small file can claim to be huge. How large a file may be: `config/picture-size.ts`. */
const MAX_PIXELS = 24_000_000;
/** The largest stored picture: a page with the picture weighs less than 30 kB. */
const MAX_STORED_BYTES = 6000;
/** Edges in pixels, and qualities. The first picture that is small enough is stored, and the last one always is. */
const ATTEMPTS = [
  [256, 80],
  [256, 60],
  [256, 40],
  [256, 20],
  [128, 40],
  [128, 10],
  [96, 1],
] as const;

/** The formats that are accepted. Anything else, such as SVG, never reaches a decoder. @param head the first bytes, as Latin-1 */
function findFormat(head: string): string | undefined {
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  return head.startsWith('RIFF') && head.startsWith('WEBP', 8) ? 'webp' : undefined;
}

const unreadable = (cause?: unknown) => {
  const message = 'This file is not a picture that can be used. Choose a JPEG, PNG, WebP or GIF file';
  return new LatchkeyError('invalid_input', 'picture_unreadable', `${message}.`, {
    cause,
    faults: { picture: message },
  });
};

const tooManyPixels = () => {
  const message = 'This picture has too many pixels. Choose one of at most 24 megapixels';
  return new LatchkeyError('invalid_input', 'picture_too_large', `${message}.`, {
    faults: { picture: message },
  });
};

/** Pictures are encoded one at a time: each takes memory by its pixels. */
let queue: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const done = queue.then(work, work);
  queue = done.catch(() => {});
  return done;
}

/**
 * Makes a square WebP of a bounded size from an upload. Nothing of the file itself is kept: no metadata such as the place
 * where it was taken, and of an animation only the first frame.
 * @returns its bytes, and the digest of these, base64url
 * @throws LatchkeyError invalid_input with a sentence for `picture`
 */
export async function encodePicture(upload: Buffer): Promise<{ webp: Buffer; digest: string }> {
  const format = findFormat(upload.subarray(0, 16).toString('latin1'));
  if (format === undefined) throw unreadable();
  // Loaded by the first upload: the library takes some 10 MB of memory.
  const { default: sharp } = await import('sharp');
  return inTurn(async () => {
    const options = { limitInputPixels: MAX_PIXELS, pages: 1, failOn: 'error' } as const;
    const about = await sharp(upload, { ...options, limitInputPixels: false })
      .metadata()
      .catch((error) => {
        throw unreadable(error);
      });
    if (about.format !== format) throw unreadable();
    if (about.width * about.height > MAX_PIXELS) throw tooManyPixels();
    const picture = sharp(upload, options).rotate().timeout({ seconds: 5 });
    for (const [edge, quality] of ATTEMPTS) {
      const webp = await picture
        .clone()
        .resize(edge, edge, { fit: 'cover' })
        .webp({ quality })
        .toBuffer()
        .catch((error) => {
          throw unreadable(error);
        });
      if (webp.length <= MAX_STORED_BYTES || edge === ATTEMPTS.at(-1)?.[0])
        return { webp, digest: hash('sha256', webp, 'base64url') };
    }
    throw unreadable();
  });
}
