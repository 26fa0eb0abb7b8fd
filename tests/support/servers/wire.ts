import { connect } from 'node:net';

/** Sends the question and resolves to the first `bytes` of the answer. Rejects when nobody listens, or none comes in time. */
export function askOverTcp(port: number, question: Uint8Array, bytes: number, withinMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: withinMs });
    const parts: Buffer[] = [];
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new Error(reason));
    };
    socket.once('timeout', () => fail(`no answer within ${withinMs} ms`));
    socket.once('error', (error) => fail(error.message));
    socket.once('end', () => fail('closed without an answer'));
    socket.once('connect', () => socket.write(question));
    socket.on('data', (part) => {
      parts.push(part);
      const answer = Buffer.concat(parts);
      if (answer.length < bytes) return;
      socket.destroy();
      resolve(answer.subarray(0, bytes));
    });
  });
}

/** An OP_MSG of `{ping: 1, $db: "admin"}`: header (length, request id, response to, opcode 2013), flags, one body section. */
export function mongoPing(): Buffer {
  const body = Buffer.concat([Buffer.from('\x10ping\0\x01\0\0\0', 'latin1'), Buffer.from('\x02$db\0\x06\0\0\0admin\0\0', 'latin1')]);
  const message = Buffer.alloc(16 + 4 + 1 + 4);
  message.writeInt32LE(message.length + body.length, 0);
  message.writeInt32LE(1, 4);
  message.writeInt32LE(2013, 12);
  message.writeInt32LE(4 + body.length, 21);
  return Buffer.concat([message, body]);
}
