import type { HeadRecord } from './head-record.ts'

/** Heads kept per connection. */
const SLOTS = 8
/** Longer heads are not kept, which bounds a cache to 16 KiB. */
const LONGEST = 2048
/** After so many misses in a row only one head in SPARSE is stored: the peer's heads all differ. */
const MISSES = 32
const SPARSE = 16

class Slot {
  record: HeadRecord
  /** The first `length` bytes are the raw head. */
  octets: Buffer
  length: number
  /** Where the last comparison failed: heads that vary do so at the same place, so it is looked at first. */
  differed: number

  constructor(record: HeadRecord, octets: Buffer, length: number) {
    this.record = record
    this.octets = octets
    this.length = length
    this.differed = length - 5
  }
}

/**
 * The last few raw heads of one connection with what they were parsed into. A head ends at its first empty line, so
 * input that starts with all bytes of a complete head starts with that very head: no search for its end is needed.
 */
export class HeadCache {
  #slots: Slot[] = []
  #last = 0
  #next = 0
  #misses = 0
  /** Length in bytes of the head that `find` found. */
  length = 0

  /** The record of the head that starts at `from`, or null. */
  find(octets: Buffer, from: number, to: number): HeadRecord | null {
    const slots = this.#slots
    const count = slots.length
    let at = this.#last
    for (let k = 0; k < count; k++) {
      const slot = slots[at] as Slot
      const length = slot.length
      if (length <= to - from && octets[from + slot.differed] === slot.octets[slot.differed]) {
        const kept = slot.octets
        let i = 0
        while (i < length && kept[i] === octets[from + i]) i++
        if (i === length) {
          this.#last = at
          this.#misses = 0
          this.length = length
          return slot.record
        }
        slot.differed = i
      }
      at = at + 1 === count ? 0 : at + 1
    }
    return null
  }

  /** Keeps the head in octets `from` to `to`, which `find` did not find. */
  store(record: HeadRecord, octets: Buffer, from: number, to: number): void {
    const length = to - from
    if (length > LONGEST) return
    this.#misses++
    if (this.#misses > MISSES && this.#misses % SPARSE !== 0) return
    const slots = this.#slots
    if (slots.length < SLOTS) {
      const kept = Buffer.allocUnsafeSlow(length)
      octets.copy(kept, 0, from, to)
      this.#last = slots.length
      slots.push(new Slot(record, kept, length))
      return
    }
    const slot = slots[this.#next] as Slot
    if (slot.octets.length < length) slot.octets = Buffer.allocUnsafeSlow(length)
    octets.copy(slot.octets, 0, from, to)
    slot.record = record
    slot.length = length
    slot.differed = length - 5
    this.#last = this.#next
    this.#next = (this.#next + 1) % SLOTS
  }
}
