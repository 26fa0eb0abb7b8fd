import { dutiesContract } from '../contracts/duties-contract.js';
import { fleetContract } from '../contracts/fleet-contract.js';
import { describeWith, serverOrSkip } from '../support/servers/servers.js';
import { makeMongo } from './mongo-harness.js';

describeWith(await serverOrSkip('mongodb'), 'MongoDB', (server) => {
  const make = () => makeMongo(server.uri);
  dutiesContract(make);
  fleetContract(make);
});
