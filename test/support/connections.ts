import net from "node:net";

/** For a `describe`: returns the list of the connections that this process opens; each is still made. */
export function watchConnections(): unknown[] {
  const opened: unknown[] = [];
  const { connect } = net.Socket.prototype;
  before(() => {
    net.Socket.prototype.connect = function (this: net.Socket, ...args: Parameters<typeof connect>) {
      opened.push(args[0]);
      return connect.apply(this, args);
    } as typeof connect;
  });
  after(() => {
    net.Socket.prototype.connect = connect;
  });
  return opened;
}
