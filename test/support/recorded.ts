import type { Added } from '../../proxy/message/added.ts'
import type { Fields } from '../../proxy/message/fields.ts'
import type { Head } from '../../proxy/message/head.ts'
import type { Reason } from '../../proxy/message/reason.ts'
import type { MessageSink, MessageSource } from '../../proxy/message/stream.ts'

/** Takes a message and remembers it; also stands for the source of what is sent the other way. */
export class Received implements MessageSink, MessageSource {
  /** The stream it came on, once known. */
  stream: MessageSource | null = null
  /** Credits every byte at once, as a sink that is never held up. */
  autoCredit = false
  readonly heads: Head[] = []
  readonly addeds: (Added | null)[] = []
  body = ''
  fields: Fields | null = null
  ended = false
  readonly resets: Reason[] = []
  /** What was credited for the message sent the other way, in bytes. */
  credited = 0
  readonly cancels: Reason[] = []

  head(head: Head, added: Added | null, end: boolean): void {
    this.heads.push(head)
    this.addeds.push(added)
    this.#end(end)
  }

  data(chunk: Buffer, from: number, to: number, end: boolean): void {
    this.body += chunk.toString('latin1', from, to)
    this.#end(end)
    if (this.autoCredit) this.stream?.credit(to - from)
  }

  trailers(fields: Fields): void {
    this.fields = fields
    this.#end(true)
  }

  reset(reason: Reason): void {
    this.resets.push(reason)
  }

  credit(bytes: number): void {
    this.credited += bytes
  }

  cancel(reason: Reason): void {
    this.cancels.push(reason)
  }

  #end(end: boolean): void {
    if (this.ended) throw new Error('an event after the end of the message')
    this.ended = end
  }
}
