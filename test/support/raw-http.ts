import { connect, type Socket } from 'node:net';

/** Opens a connection to a server and sends bytes that no client library would. */
export function sendRaw(issuer: string, bytes: string | Buffer): Socket {
  const socket = connect(Number(new URL(issuer).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(bytes);
  return socket;
}

/** @returns everything that the server sends until it ends the connection, or for `ms` */
export function receiveAll(socket: Socket, ms = 3000): Promise<string> {
  return new Promise((resolve) => {
    let received = '';
    const timer = setTimeout(() => socket.destroy(), ms);
    socket.setEncoding('latin1').on('data', (chunk) => {
      received += chunk;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(received);
    });
  });
}
