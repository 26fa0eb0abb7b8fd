import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Installation, installation, RECEIVERS } from './installation.js';

const ALERTS = 'docker/alertmanager/production/alertmanager.yml';
const PRODUCTION = ['--production', '--smtp-url', 'smtp://user:password@mail.example.com', '--public-url', 'https://n.example.com'];

let here: Installation;
beforeEach(() => {
  here = installation();
});
afterEach(() => here.remove());

const at = (name: string): string => join(here.directory, name);
const text = (name: string): string => readFileSync(at(name), 'utf8');

describe('scripts/setup.sh', () => {
  it('takes a configuration of alerts without any secret', () => {
    here.setup(['--production', '--smtp-url', 'smtp://mail.example.com'], RECEIVERS);
    const mailAlone =
      "global: {smtp_smarthost: 'mail.example.com:587', smtp_from: a@example.com}\nroute:\n  receiver: mail\nreceivers:\n  - name: mail\n    email_configs:\n      - to: b@example.com\n";
    rmSync(at('docker/alertmanager/production'), { recursive: true });
    mkdirSync(at('docker/alertmanager/production/secrets'), { recursive: true });
    writeFileSync(at(ALERTS), mailAlone);
    const { status, said } = here.run(['--receivers']);
    expect([status, said]).toEqual([0, 'setup: whom Alertmanager tells is in docker/alertmanager/production\n']);
    expect(text(ALERTS)).toBe(mailAlone);
  });
});
