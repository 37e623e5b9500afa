/** Smallest size that is kept for use again, in bytes; sizes are powers of two. */
const SMALLEST = 32 * 1024
const LARGEST = 1024 * 1024
/** Buffers kept per size: fresh memory costs a page fault per 4 KiB. */
const KEPT = 16

const free = new Map<number, Buffer[]>()
for (let size = SMALLEST; size <= LARGEST; size *= 2) free.set(size, [])

/** A buffer of exactly `size` bytes, a power of two. What it holds is left over from anywhere: write before you read. */
export function takeBuffer(size: number): Buffer {
  return free.get(size)?.pop() ?? Buffer.allocUnsafeSlow(size)
}

/** Gives back a buffer that nobody refers to any more. */
export function returnBuffer(buffer: Buffer): void {
  const same = free.get(buffer.length)
  if (same !== undefined && same.length < KEPT) same.push(buffer)
}
