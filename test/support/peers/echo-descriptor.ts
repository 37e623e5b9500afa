/** What an Echo call is asked to do; every field may be left out. */
export interface EchoRequest {
  payload?: Buffer
  /** Milliseconds to wait before each reply. */
  delay_ms?: number
  /** gRPC status to end the call with, after its replies; 0 (the default) is OK. */
  status?: number
  status_message?: string
  /** Replies per request message of ServerStream and BidiStream, 0 (the default) stands for 1. */
  messages?: number
  /** Do not reply (a stream: replies, but does not end) until `EchoServer.release` is called or the call is cancelled. */
  hold?: boolean
  /** When above 0, replies carry that many bytes of the pattern in place of the request's payload. */
  reply_bytes?: number
}

export interface EchoReply {
  payload: Buffer
  /** Number of this reply in its call, from 0. */
  index: number
  /** Request messages read so far. */
  received: number
  /** Payload bytes of all request messages read so far. */
  received_bytes: number
}

/** Service `pillion.test.Echo` as a JSON descriptor. */
export const ECHO_DESCRIPTOR: object = {
  nested: {
    pillion: {
      nested: {
        test: {
          nested: {
            Echo: {
              methods: {
                Unary: { requestType: 'EchoRequest', responseType: 'EchoReply' },
                ClientStream: { requestType: 'EchoRequest', responseType: 'EchoReply', requestStream: true },
                ServerStream: { requestType: 'EchoRequest', responseType: 'EchoReply', responseStream: true },
                BidiStream: {
                  requestType: 'EchoRequest',
                  responseType: 'EchoReply',
                  requestStream: true,
                  responseStream: true,
                },
              },
            },
            EchoRequest: {
              fields: {
                payload: { type: 'bytes', id: 1 },
                delay_ms: { type: 'uint32', id: 2 },
                status: { type: 'uint32', id: 3 },
                status_message: { type: 'string', id: 4 },
                messages: { type: 'uint32', id: 5 },
                hold: { type: 'bool', id: 6 },
                reply_bytes: { type: 'uint32', id: 7 },
              },
            },
            EchoReply: {
              fields: {
                payload: { type: 'bytes', id: 1 },
                index: { type: 'uint32', id: 2 },
                received: { type: 'uint32', id: 3 },
                received_bytes: { type: 'double', id: 4 },
              },
            },
          },
        },
      },
    },
  },
}

export type EchoMethod = 'Unary' | 'ClientStream' | 'ServerStream' | 'BidiStream'
