import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy in front of a server on 127.0.0.1 that loses one answer: the server has done what it was asked, and nobody learns of it. */
export interface CuttingProxy {
  readonly port: number;
  /** How many answers were lost. */
  readonly cuts: number;
  /** Of the next question that holds all of these words the answer is lost, and its connection with it. */
  loseAnswerTo(...words: readonly string[]): void;
  close(): Promise<void>;
}

export async function startCuttingProxy(serverPort: number): Promise<CuttingProxy> {
  const sockets = new Set<Socket>();
  let words: readonly string[] = [];
  let cuts = 0;
  const server = createServer((client) => {
    const upstream = connect({ port: serverPort, host: '127.0.0.1' });
    let doomed = false;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', () => {
        sockets.delete(socket);
        end();
      });
    }
    client.on('data', (question) => {
      if (words.length > 0 && words.every((word) => question.includes(word))) {
        words = [];
        doomed = true;
      }
      upstream.write(question);
    });
    upstream.on('data', (answer) => {
      if (!doomed) return void client.write(answer);
      cuts += 1;
      end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    loseAnswerTo: (...wanted) => {
      words = wanted;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
