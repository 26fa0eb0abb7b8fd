import type { CountryCode } from 'libphonenumber-js';
import type { ReadPhone } from './submission.js';

/** Resolves with the way to read phone numbers, once it is loaded. */
export type Phones = () => Promise<ReadPhone>;

/** True where this names a region of the phone network, e.g. `PT`. */
export async function isRegion(region: string): Promise<boolean> {
  const { isSupportedCountry } = await import('libphonenumber-js/min');
  return isSupportedCountry(region);
}

/**
 * Reads phone numbers; those without a country code as of `defaultRegion`, and not at all where that is null. Loaded when the first
 * number is to be read: its table of all countries is memory that a process without text messages does not need.
 */
export function createPhones(defaultRegion: string | null): Phones {
  let loading: Promise<ReadPhone> | undefined;
  const load = async (): Promise<ReadPhone> => {
    const { parsePhoneNumberFromString } = await import('libphonenumber-js/min');
    // The settings accept two capital letters; a region that does not exist reads national numbers as none.
    const region = defaultRegion === null ? {} : { defaultCountry: defaultRegion as CountryCode };
    return (text) => {
      const number = parsePhoneNumberFromString(text, { ...region, extract: false });
      return number?.isValid() === true && number.ext === undefined ? number.number : null;
    };
  };
  return () => (loading ??= load());
}
