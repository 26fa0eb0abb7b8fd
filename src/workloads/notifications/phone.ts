import type { CountryCode } from 'libphonenumber-js';
import type { ReadPhone } from './submission.js';

/** Resolves with the way to read phone numbers, once it is loaded. */
export type Phones = () => Promise<ReadPhone>;

/**
 * Reads phone numbers; those without a country code as of `defaultRegion`, and not at all where that is null or no region.
 * Loaded when the first number is to be read: its table of all countries is memory (about 10 MB) that a process without
 * text messages does not need.
 */
export function createPhones(defaultRegion: string | null): Phones {
  let loading: Promise<ReadPhone> | undefined;
  const load = async (): Promise<ReadPhone> => {
    const { parsePhoneNumberFromString } = await import('libphonenumber-js/min');
    // The settings take any two capital letters; of a region that does not exist no national number can be read.
    const region = defaultRegion === null ? {} : { defaultCountry: defaultRegion as CountryCode };
    return (text) => {
      const number = parsePhoneNumberFromString(text, { ...region, extract: false });
      return number?.isValid() === true && number.ext === undefined ? number.number : null;
    };
  };
  return () => (loading ??= load());
}
