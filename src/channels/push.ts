import type { Outcome } from '../ports/channel.js';
import { type HttpProviderChannel, type HttpProviderOptions, httpProvider } from './http-provider.js';

/** The device has dropped the token: it will never be valid again, and whoever keeps it should drop it too. */
const GONE: Outcome = { kind: 'dead', failure: { code: 'push_token_gone', message: 'The provider no longer knows the device’s token' } };

/** Push notifications through a provider's HTTP interface: `POST {token, title, body, data, ref}`. */
export function pushChannel(options: HttpProviderOptions): HttpProviderChannel {
  return httpProvider(options, {
    name: 'push',
    refusals: new Map([
      [404, GONE],
      [410, GONE],
    ]),
    message: ({ recipient, subject, body, data, operationId }) => ({
      body: { token: recipient, title: subject, body, data, ref: operationId },
    }),
  });
}
