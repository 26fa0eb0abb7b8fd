import { z } from 'zod';

/** Text that becomes part of a header or a line: no control characters at all, CR and LF among them. */
export const line = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this refuses
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not contain control characters such as NUL, CR or LF')
    .refine((text) => text.isWellFormed(), 'must be well-formed Unicode (no lone surrogates)');

/** A name that people choose: ids, categories. */
export const name = (max: number) =>
  z.string().regex(new RegExp(`^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,${max - 1}}$`), `must be 1 to ${max} letters, digits or . _ : @ + -`);

/** Text of any kind: no NUL, and whole characters only. */
export const text = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine((value) => !value.includes('\u0000'), 'must not contain NUL')
    .refine((value) => value.isWellFormed(), 'must be well-formed Unicode (no lone surrogates)');

/** An idempotency key: 1 to 255 visible ASCII characters. */
export const idempotencyKey = z.string().regex(/^[\u0021-\u007e]{1,255}$/, 'must be 1 to 255 visible ASCII characters');
