import type { Router } from 'express';
import { startSmtpSink } from './receive-email.js';
import { sinkRouter } from './routes.js';
import { createSink, type SinkOptions } from './sink.js';

/** The sink inside the server's own process: what a newcomer sees deliveries with. */
export interface DevelopmentSink {
  /** To be mounted at `/sink`. */
  readonly router: Router;
  /** Where the SMTP listener really is. */
  readonly smtpPort: number;
  stop(): Promise<void>;
}

/** @param options.smtpPort 0: any free one */
export async function startDevelopmentSink(options: SinkOptions & { readonly smtpPort: number }): Promise<DevelopmentSink> {
  const sink = createSink(options);
  const smtp = await startSmtpSink(sink, { port: options.smtpPort });
  return {
    router: sinkRouter(sink),
    smtpPort: smtp.port,
    async stop() {
      await smtp.stop();
      sink.close();
    },
  };
}
