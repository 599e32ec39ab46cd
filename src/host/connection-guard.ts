/**
 * @file Keeps connections that send nothing from blocking a local server: anyone on the machine can open them, without the token.
 */
import type { Server } from 'node:http'
import type { Socket } from 'node:net'

/** Connections at once. A browser opens six to a host. */
const MAX_CONNECTIONS = 64
/** Milliseconds in which a connection must have sent the head of a request. */
const HEAD_TIMEOUT = 10_000

/** Connections on which a request with the token has arrived. */
const admitted = new WeakSet<Socket>()

/** Marks the connection of an admitted request: it is not closed in favour of others. */
export const markAdmitted = (socket: Socket): void => void admitted.add(socket)

/**
 * Limits a server's connections. When there are too many, the oldest one that never sent an admitted request is closed, so
 * that a page always gets through.
 */
export function guardConnections(server: Server): void {
  server.headersTimeout = HEAD_TIMEOUT
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    if (open.size <= MAX_CONNECTIONS) return
    for (const other of open) {
      if (admitted.has(other)) continue
      open.delete(other)
      return void other.destroy()
    }
    socket.destroy()
  })
}
