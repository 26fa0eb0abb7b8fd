import type { Request, RequestHandler } from 'express';
import ipaddr from 'ipaddr.js';
import { SignalboxError } from '../errors.js';
import { sameText } from './key-text.js';

/** Networks that only machines of one's own are in. */
const PRIVATE = new Set(['loopback', 'private', 'uniqueLocal', 'linkLocal', 'carrierGradeNat']);
/** Put there by balancers: the request is somebody's beyond this network. */
const FORWARDED = ['x-forwarded-for', 'x-real-ip', 'forwarded'] as const;

/** Lets through whoever knows the token and, where `orInner`, whoever asks from within. @throws SignalboxError */
export function operatorsOnly(token: string | null, orInner: boolean): RequestHandler {
  return (request, _response, next) => {
    const shown = /^Bearer +(\S+)$/i.exec(request.get('Authorization') ?? '')?.[1];
    const knows = token !== null && shown !== undefined && sameText(shown, token);
    if (knows || (orInner && isInner(request))) next();
    else if (token === null)
      next(new SignalboxError('forbidden', 'This is for callers of an inner network; or set METRICS_TOKEN, and send it'));
    else next(new SignalboxError('unauthorized', 'This needs the metrics token as Authorization: Bearer'));
  };
}

/** From a private network, and not for somebody else. */
function isInner(request: Request): boolean {
  const { ip = '' } = request;
  if (!ipaddr.isValid(ip) || !PRIVATE.has(ipaddr.process(ip).range())) return false;
  return FORWARDED.every((name) => request.headers[name] === undefined);
}
