import { type Request, type RequestHandler, type Response, Router } from 'express';
import { SignalboxError } from '../../errors.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { PeopleStore } from '../../ports/people.js';
import { type UnsubscribeLinks, unsubscribe } from './unsubscribe.js';

/** Longest body of a form, bytes; ours is 25. */
const FORM_MAX = 4096;
/** The field of RFC 8058, whether it comes as a form of either kind. */
const ONE_CLICK = /List-Unsubscribe(=|"\s+)One-Click/;

interface Deps {
  readonly links: UnsubscribeLinks;
  readonly people: Pick<PeopleStore, 'get' | 'put'>;
  readonly pipeline: Pick<Pipeline, 'reconsider'>;
  readonly criticalCategories: readonly string[];
}

/**
 * What the link in an e-mail leads to, to be mounted at `/unsubscribe`. Following it changes nothing, since mail
 * scanners follow links too; the page's button does, and so does a mail program by one POST (RFC 8058).
 */
export function unsubscribeRoutes({ links, people, pipeline, criticalCategories }: Deps): Router {
  const router = Router();

  const subscription = (request: Request) => {
    const token = request.params['token'];
    return typeof token === 'string' ? links.read(token) : null;
  };

  router.get('/:token', (request, response) => {
    const found = subscription(request);
    if (found === null) return page(response, 404, 'This link does not work', NOT_OURS);
    if (criticalCategories.includes(found.category))
      return page(response, 200, 'You cannot unsubscribe from this', critical(found.category));
    page(response, 200, 'Unsubscribe', button(found.category));
  });

  router.post('/:token', form, async (request, response) => {
    const found = subscription(request);
    if (found === null) return page(response, 404, 'This link does not work', NOT_OURS);
    if (criticalCategories.includes(found.category))
      return page(response, 409, 'You cannot unsubscribe from this', critical(found.category));
    if (!ONE_CLICK.test(String(request.body))) return page(response, 400, 'Unsubscribe', button(found.category));
    const done = await unsubscribe(people, found);
    if (done === null)
      throw new SignalboxError('record-busy', 'The preferences change too quickly just now; try again', { retryAfterS: 1 });
    if (done === 'changed') pipeline.reconsider();
    page(response, 200, 'You are unsubscribed', `<p>You will get no more e-mail about <b>${escaped(found.category)}</b>.</p>`);
  });

  return router;
}

/** Reads a small form as text. */
const form: RequestHandler = (request, _response, next) => {
  const chunks: Buffer[] = [];
  let length = 0;
  request.on('data', (chunk: Buffer) => {
    length += chunk.length;
    // Too much is read to its end and dropped: a client that is still sending does not hear an answer.
    if (length <= FORM_MAX) chunks.push(chunk);
  });
  request.once('end', () => {
    request.body = Buffer.concat(chunks).toString('latin1');
    next(length > FORM_MAX ? new SignalboxError('payload-too-large', `The form is larger than ${FORM_MAX} bytes`) : undefined);
  });
};

const NOT_OURS = '<p>It may have been cut off on its way. Please open it again from the e-mail.</p>';

function critical(category: string): string {
  return `<p>E-mail about <b>${escaped(category)}</b> is sent to everyone whom it concerns, because it matters to their safety or account.</p>`;
}

/** The form goes to the address of the page itself. */
function button(category: string): string {
  return `<p>Do you want no more e-mail about <b>${escaped(category)}</b>?</p>
<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click"><button>Unsubscribe</button></form>`;
}

function page(response: Response, status: number, title: string, content: string): void {
  // Nothing but this text and its own form; no address of it in caches, search engines or referrers.
  response.setHeader('Content-Security-Policy', "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Robots-Tag', 'noindex');
  response
    .status(status)
    .type('html')
    .send(
      `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title></head>\n<body><h1>${title}</h1>\n${content}\n</body></html>\n`,
    );
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
