import { isSet, type PlanOptions } from './plan.js';
import type { ProcessSpec } from './supervised.js';

interface Addresses {
  readonly httpUrl: string;
  readonly smtpPort: number;
}

const LOAD_TEST_PORT = 3099;

/** The development sink that all processes send to. Its addresses stay the same when it is started again. */
export class SharedSink {
  readonly spec: ProcessSpec;
  #addresses: Addresses | null = null;

  constructor({ programs, variables }: Pick<PlanOptions, 'programs' | 'variables'>, keep: number) {
    this.spec = {
      name: 'sink',
      kind: 'sink',
      port: null,
      argv: () => [programs.sink, '--secrets-from-settings', '--keep', String(keep), ...this.#ports()],
      env: () => variables,
      isReady: async (said) => said !== null && this.#hear(said),
    };
  }

  /** Where people see what arrived; null before it is known. */
  get page(): string | null {
    return this.#addresses === null ? null : `${this.#addresses.httpUrl}/sink`;
  }

  /** The settings that lead everything to it. What the environment names itself stays as it is. */
  settings(variables: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
    if (this.#addresses === null) return {};
    const { httpUrl, smtpPort } = this.#addresses;
    const { port } = new URL(httpUrl);
    const allowed = isSet(variables, 'WEBHOOK_ALLOW') ? `${variables['WEBHOOK_ALLOW']},` : '';
    return {
      SMTP_URL: `smtp://127.0.0.1:${smtpPort}`,
      // Besides the sink, where `npm run load-test` receives.
      WEBHOOK_ALLOW: `${allowed}127.0.0.1:${port},localhost:${port},127.0.0.1:${LOAD_TEST_PORT}`,
      // It absorbs a repeat under the same key, and the settings cannot know that.
      ...(isSet(variables, 'SMS_URL') ? {} : { SMS_URL: `${httpUrl}/sink/sms`, SMS_EFFECT_CLASS: 'idempotent' }),
      ...(isSet(variables, 'PUSH_URL') ? {} : { PUSH_URL: `${httpUrl}/sink/push`, PUSH_EFFECT_CLASS: 'idempotent' }),
    };
  }

  #ports(): readonly string[] {
    if (this.#addresses === null) return [];
    return ['--http-port', new URL(this.#addresses.httpUrl).port, '--smtp-port', String(this.#addresses.smtpPort)];
  }

  #hear(said: string): boolean {
    if (!said.startsWith('{')) return false;
    this.#addresses = JSON.parse(said) as Addresses;
    return true;
  }
}
