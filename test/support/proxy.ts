import http from "node:http";
import net, { type AddressInfo } from "node:net";

/**
 * Starts a proxy that tunnels by CONNECT, as real ones do.
 *
 * @param password - the one that it demands of `user`, if any
 * @param to - port on this machine that all tunnels lead to, whatever host they are asked for
 */
export async function startProxy(password?: string, to?: number) {
  const seen: { target: string; authorization: string | undefined }[] = [];
  const server = http.createServer((_, response) => response.writeHead(405).end());
  server.on("connect", (request, socket, head) => {
    const authorization = request.headers["proxy-authorization"];
    seen.push({ target: request.url ?? "", authorization });
    const expected = password && `Basic ${Buffer.from(`user:${password}`).toString("base64")}`;
    if (expected && authorization !== expected) {
      socket.end("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
      return;
    }
    const [host, port] = (request.url ?? "").split(":");
    const upstream = net.connect(to ?? Number(port), to ? "127.0.0.1" : host, () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    seen,
    close: () => {
      // The http server no longer tracks the connection of a tunnel.
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}
