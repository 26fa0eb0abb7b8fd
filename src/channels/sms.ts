import { type HttpProviderChannel, type HttpProviderOptions, httpProvider } from './http-provider.js';

export interface SmsChannelOptions extends HttpProviderOptions {
  /** Sender number or name; null: the provider's own. */
  readonly from: string | null;
}

/** What the common providers take as one message, in up to ten parts. */
const TEXT_MAX = 1600;

/**
 * SMS through a provider's HTTP interface: `POST {to, from?, text, ref}`. `to` is in E.164; the text is the
 * notification's body alone, since a subject has no place in an SMS.
 */
export function smsChannel(options: SmsChannelOptions): HttpProviderChannel {
  return httpProvider(options, {
    name: 'sms',
    message({ recipient, body, operationId }) {
      const length = [...body].length;
      if (length > TEXT_MAX) {
        const failure = { code: 'sms_too_long', message: `The text has ${length} characters; an SMS takes ${TEXT_MAX}` };
        return { outcome: { kind: 'dead', failure } };
      }
      return { body: { to: recipient, ...(options.from === null ? {} : { from: options.from }), text: body, ref: operationId } };
    },
  });
}
