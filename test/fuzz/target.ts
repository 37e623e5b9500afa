import type { Reason } from '../../proxy/message/reason.ts'

/** Hears what an input made the code do, in a few words without numbers that differ each time: inputs that show something new are kept. */
export type Note = (what: string) => void

/** One piece of code under fuzz: it takes any bytes. */
export interface Target {
  readonly name: string
  /** What is fed with what, for the help. */
  readonly about: string
  /** Longest input, in bytes. */
  readonly maxBytes: number
  /** Inputs to start from, besides the file in corpus/. */
  readonly seeds: () => readonly Buffer[]
  /** Byte strings that mean something to the code. */
  readonly dictionary: readonly Buffer[]
  /** A change that keeps the outer form of the input, used half of the time; null: changes of bytes only. */
  readonly mutate: ((input: Buffer, pick: (count: number) => number) => Buffer) | null
  /** Must return for every input. What it throws is a finding. */
  run(input: Buffer, note: Note): void
}

/** A promise that the code under fuzz does not keep. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

/** Throws unless `kept`. */
export function promise(kept: boolean, what: string): asserts kept {
  if (!kept) throw new BrokenPromise(what)
}

/** A reason in such words. */
export function gistOf(reason: Reason): string {
  // Others quote what came.
  return reason.status === 400 || reason.status === 502 ? gist(reason.toString()) : reason.code
}

/** Words without what differs from input to input. */
export function gist(text: string): string {
  return text
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\bfield \S+/g, 'field')
    .replace(/0x[0-9a-f]+|\d+/gi, '#')
    .slice(0, 120)
}
