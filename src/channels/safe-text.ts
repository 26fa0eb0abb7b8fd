/** The most characters of a provider's own words that are kept. */
const MAX_LENGTH = 200;
/** The most characters that are looked at. */
const MAX_SEARCHED = 2000;

/** What stands for something that was taken out. */
const REDACTED = '[…]';

/**
 * A provider's words, fit for a log line and a dead letter: one line, at most 200 characters, without the recipient.
 *
 * Servers like to repeat the address they refuse, whole ("550 no such user <a@b>") or its local part alone
 * ("user alice unknown"), so both are taken out, and so is anything else that looks like an address.
 */
export function safeText(text: string, recipient: string): string {
  let safe = beginning(text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ').trim());
  for (const part of [recipient, recipient.slice(0, recipient.lastIndexOf('@'))]) {
    // A one- or two-letter local part would eat the text around it, and tells nothing by itself.
    if (part.length > 2) safe = replaceIgnoringCase(safe, part);
  }
  safe = safe.replace(/[^\s<>]{1,320}@[^\s<>]{1,320}/g, REDACTED);
  return safe.length <= MAX_LENGTH ? safe : `${safe.slice(0, MAX_LENGTH - 1).replace(/[\uD800-\uDBFF]$/, '')}…`;
}

/** As much as is worth searching, ending with a whole word, so that no address is cut into something unrecognisable. */
function beginning(text: string): string {
  return text.length <= MAX_SEARCHED ? text : text.slice(0, MAX_SEARCHED).replace(/\S*$/, '');
}

function replaceIgnoringCase(text: string, part: string): string {
  // Only what the grammar knows may be escaped; any other escaped character is an error under the u flag.
  return text.replace(new RegExp(part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'giu'), REDACTED);
}
