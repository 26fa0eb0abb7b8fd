import { createHash, timingSafeEqual } from 'node:crypto';

/** `sbk_`, the key's id, and its secret: 32 random bytes, base64url. The id is public, logs and lists show it. */
const TEXT = /^sbk_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

export function keyText(id: string, secret: Buffer): string {
  return `sbk_${id}_${secret.toString('base64url')}`;
}

/** The id in the text of a key, or null where it is no key's text. */
export function idIn(text: string): string | null {
  return TEXT.exec(text)?.[1] ?? null;
}

/**
 * What is stored and compared in place of the text. A fast hash is enough, since nobody can guess 256 random bits, slow or fast;
 * scrypt is for passwords, and would cost each request, or each wrong one, a tenth of a second of a processor.
 */
export function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Takes as long whatever the two have in common. */
export function sameDigest(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}

/** Whether the two texts are the same, in a time that tells nothing of where they differ or how long they are. */
export function sameText(one: string, other: string): boolean {
  return sameDigest(digestOf(one), digestOf(other));
}
