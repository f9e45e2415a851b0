import type Router from '@koa/router';
import type { Context } from 'koa';
import { currentUnit, type Origin } from '../database/unit-of-work.ts';
import { LatchkeyError } from '../kit/errors.ts';
import { seeOther } from '../web/respond.ts';
import type { SignedInPages, SignedInUser } from '../web/signed-in-pages.ts';
import { PROFILE } from './navigation.ts';

interface Owner {
  accountId: string;
  sessionUid: string;
  origin: Origin;
}

export interface PictureDeps {
  signedIn: SignedInPages;
  pictures: {
    /** @throws LatchkeyError with a sentence for `picture` */
    setPicture(owner: Owner, upload: Buffer): Promise<void>;
    removePicture(owner: Owner): Promise<void>;
    findPicture(accountId: string): Promise<string | undefined>;
    readPicture(digest: string): Promise<Buffer | undefined>;
  };
  /** The page of the profile, with what is wrong with the upload. */
  showProfile(ctx: Context, user: SignedInUser, faults: Record<string, string>): Promise<void>;
}

export const PICTURE = `${PROFILE}/picture`;

/** The form that changes the picture of an account, and the picture itself, which anyone can load. */
export function createPictureRoutes(router: Router, deps: PictureDeps): void {
  const { signedIn, pictures } = deps;

  router.post(
    PICTURE,
    signedIn.form(
      async (ctx, user, { act }, upload) => {
        const { accountId, sessionUid } = user;
        const owner = { accountId, sessionUid, origin: currentUnit().origin };
        try {
          if (act === 'remove') await pictures.removePicture(owner);
          else if (upload?.length) await pictures.setPicture(owner, upload);
          else {
            ctx.status = 400;
            return deps.showProfile(ctx, user, { picture: 'Choose a picture' });
          }
        } catch (error) {
          if (!(error instanceof LatchkeyError) || !error.faults.picture) throw error;
          ctx.status = error.status;
          return deps.showProfile(ctx, user, error.faults);
        }
        seeOther(ctx, `${PROFILE}?done=${act === 'remove' ? 'picture-removed' : 'picture'}`);
      },
      { file: 'picture' },
    ),
  );

  router.get('/pictures/:digest', async (ctx) => {
    const webp = await pictures.readPicture(String(ctx.params.digest));
    if (!webp) {
      ctx.status = 404;
      ctx.body = { error: 'not_found' };
      return;
    }
    // The address changes with the content.
    ctx.set('Cache-Control', 'public, max-age=31536000, immutable');
    ctx.set('Cross-Origin-Resource-Policy', 'cross-origin');
    ctx.set('Content-Security-Policy', "default-src 'none'; sandbox");
    ctx.type = 'image/webp';
    ctx.body = webp;
  });
}
