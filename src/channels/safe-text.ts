/** The most characters of a provider's own words that are kept. */
const MAX_LENGTH = 200;

/** What stands for something that was taken out. */
const REDACTED = '[…]';

/**
 * A provider's words, fit for a log line and a dead letter: one line, at most 200 characters, without the recipient.
 *
 * Servers like to repeat the address they refuse, whole ("550 no such user <a@b>") or its local part alone
 * ("user alice unknown"), so both are taken out, and so is anything else that looks like an address.
 */
export function safeText(text: string, recipient: string): string {
  const oneLine = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim();
  const parts = [recipient, recipient.slice(0, recipient.lastIndexOf('@'))];
  let safe = oneLine.slice(0, 2000);
  for (const part of parts) {
    // A one- or two-letter local part would eat the text around it, and tells nothing by itself.
    if (part.length > 2) safe = replaceIgnoringCase(safe, part);
  }
  safe = safe.replace(/[^\s<>]{1,320}@[^\s<>]{1,320}/gu, REDACTED);
  return safe.length <= MAX_LENGTH ? safe : `${safe.slice(0, MAX_LENGTH - 1)}…`;
}

function replaceIgnoringCase(text: string, part: string): string {
  const pattern = part.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
  return text.replace(new RegExp(pattern, 'giu'), REDACTED);
}
