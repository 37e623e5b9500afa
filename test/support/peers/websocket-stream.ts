import type { ClientHttp2Session } from 'node:http2'
import type { Duplex } from 'node:stream'
import { WebSocket } from 'ws'

/** What WebSocketServer itself does with a socket whose handshake is done; missing in the types. */
interface Adopting {
  _isServer: boolean
  setSocket(stream: Duplex, head: Buffer, options: object): void
}

/** The WebSocket that is spoken over a stream whose handshake is done. */
export function adoptWebSocket(stream: Duplex, role: 'client' | 'server'): WebSocket {
  const Constructor = WebSocket as unknown as new (
    address: null,
    protocols: undefined,
    options: object,
  ) => WebSocket
  const socket = new Constructor(null, undefined, { autoPong: true, closeTimeout: 30_000 })
  const inner = socket as unknown as Adopting
  inner._isServer = role === 'server'
  inner.setSocket(stream, Buffer.alloc(0), {
    allowSynchronousEvents: true,
    maxPayload: 16 * 1024 * 1024,
    skipUTF8Validation: false,
  })
  return socket
}

/** A WebSocket by extended CONNECT (RFC 8441), paused until somebody listens; rejects with `status` and `body` when it is refused. */
export async function openHttp2WebSocket(
  session: ClientHttp2Session,
  authority: string,
  path: string,
  protocol: string,
): Promise<{ socket: WebSocket; protocol: string }> {
  if (session.remoteSettings.enableConnectProtocol !== true) {
    await new Promise((resolve) => session.once('remoteSettings', resolve))
  }
  const stream = session.request({
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'http',
    ':authority': authority,
    ':path': path,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': protocol,
  })
  return new Promise((resolve, reject) => {
    stream.on('error', reject)
    stream.on('response', (fields) => {
      if (fields[':status'] === 200) {
        const socket = adoptWebSocket(stream, 'client')
        socket.pause()
        resolve({ socket, protocol: String(fields['sec-websocket-protocol'] ?? '') })
        return
      }
      let body = ''
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => {
        body += text
      })
      stream.on('end', () => {
        stream.end()
        reject(Object.assign(new Error('refused'), { status: fields[':status'], body }))
      })
    })
  })
}
