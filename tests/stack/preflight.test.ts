import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Installation, installation, RECEIVERS } from './installation.js';

const ROUTES = `route:
  receiver: all
  routes:
    - matchers: [severity = critical]
      receiver: "the pager"
`;
const ALL = `receivers:
  - name: all
    email_configs:
      - to: a@example.com
`;

describe('In production preflight, of the receivers to which routes lead,', () => {
  let here: Installation;
  let env: Readonly<Record<string, string | undefined>>;
  beforeAll(() => {
    here = installation();
    env = here.setup(['--production', '--smtp-url', 'smtp://mail.example.com'], RECEIVERS);
  });
  afterAll(() => here.remove());

  /** The receivers that it complains of. */
  function deaf(config: string): readonly (string | undefined)[] {
    writeFileSync(join(here.directory, 'docker/alertmanager/production/alertmanager.yml'), config);
    const { code, said } = here.preflight(env);
    const found = [...said.matchAll(/^preflight: ALERTMANAGER_CONFIG: .*: a route leads to the receiver (.+), which tells nobody/gm)];
    expect(code).toBe(found.length === 0 ? 0 : 2);
    return found.map(([, name]) => name);
  }

  it.each([
    ['nothing', `${ROUTES}${ALL}  - name: the pager\n`],
    ['an empty list', `${ROUTES}${ALL}  - name: the pager\n    pagerduty_configs: []\n`],
    ['nothing but a comment', `${ROUTES}${ALL}  - name: the pager\n    # pagerduty_configs: [{routing_key: x}]\n`],
    ['nothing, the receivers first', `${ALL}  - name: 'the pager'\n${ROUTES}`],
    ['nothing, not indented', `${ROUTES}receivers:\n- name: the pager\n- email_configs:\n  - to: a@example.com\n  name: all\n`],
  ])('refuses one that has %s', (_what, config) => {
    expect(deaf(config)).toEqual(['the pager']);
  });

  it.each([
    ['a list of its own', '    pagerduty_configs:\n      - routing_key: x\n'],
    ['a list on the line', '    pagerduty_configs: [{routing_key: x}]\n'],
    ['a list from elsewhere', '    pagerduty_configs: *pager\n'],
    ['a list for others, too', '    msteamsv2_configs: &teams\n      - webhook_url: https://chat.example.com\n'],
  ])('takes one that has %s', (_what, tells) => {
    expect(deaf(`${ROUTES}${ALL}  - name: the pager\n${tells}`)).toEqual([]);
  });

  it('takes one that is called null or none, but not for all', () => {
    const nobody = `${ALL}  - name: "null"\n`;
    const toNobody = "route:\n  routes:\n    - receiver: 'null'\n  receiver: ";
    expect(deaf(`${toNobody}all\n${nobody}`)).toEqual([]);
    expect(deaf(`${toNobody}"null"\n${nobody}`)).toEqual(['null']);
  });

  it('takes one that tells nobody where nothing is led to it', () => {
    expect(deaf(`route: {receiver: all}\n${ALL}  - name: the pager\n`)).toEqual([]);
  });
});
