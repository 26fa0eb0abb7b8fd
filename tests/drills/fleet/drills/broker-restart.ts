import { type Drill, RESTART_MS } from '../drill.js';

export const brokerRestart: Drill = {
  name: 'broker-restart',
  about: 'kills RabbitMQ with kill -9, and then stops it in order, and starts it again each time; over within 10 s of its return',
  scale: { cycles: 2 },
  async fault(stage) {
    const { rabbitmq } = stage.servers;
    for (let cycle = 0; cycle < stage.options.cycles; cycle += 1) {
      const how = cycle % 2 === 0 ? 'kill -9' : 'stop';
      await stage.fault(`broker: ${how} and start`, RESTART_MS, async () => {
        await (how === 'stop' ? rabbitmq.stop() : rabbitmq.kill());
        await stage.pass(1_000);
        await rabbitmq.start();
      });
      await stage.caughtUp(60_000);
      await stage.pass(2_000);
    }
  },
};
