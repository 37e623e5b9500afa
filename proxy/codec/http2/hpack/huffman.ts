/**
 * The Huffman code of HPACK (RFC 7541 §5.2, appendix B). The code is canonical: within a length, codes ascend with
 * the symbol. So the lengths of the 257 symbols say everything; codes and the decoder's table are made from them.
 */
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
]

const EOS = 256
const CODES = makeCodes()

function makeCodes(): Uint32Array {
  const order = LENGTHS.map((_, symbol) => symbol).sort((a, b) => LENGTHS[a] - LENGTHS[b] || a - b)
  const codes = new Uint32Array(LENGTHS.length)
  let code = 0
  let length = LENGTHS[order[0]]
  for (const symbol of order) {
    code <<= LENGTHS[symbol] - length
    length = LENGTHS[symbol]
    codes[symbol] = code
    code += 1
  }
  return codes
}

// The decoder walks the code tree four bits at a time: STEPS[node * 16 + nibble] holds the next node (low 9 bits), a
// symbol met on the way (bits 9-16; codes are 5 bits or longer, so at most one), and flags.
const EMITS = 1 << 17
const FAILS = 1 << 18
const NODES: [number, number][] = makeTree()
const STEPS = makeSteps()
// Nodes in which a string may end: the root, or up to 7 bits along the all-ones path (padding, RFC 7541 §5.2).
const ACCEPTS = makeAccepts()

function makeTree(): [number, number][] {
  // A child is the index of a node, or -1 - symbol for a leaf; 0 stands for "none yet" (the root is nobody's child).
  const nodes: [number, number][] = [[0, 0]]
  for (let symbol = 0; symbol <= EOS; symbol++) {
    let at = 0
    for (let bit = LENGTHS[symbol] - 1; bit >= 0; bit--) {
      const side = (CODES[symbol] >>> bit) & 1
      if (bit === 0) {
        nodes[at][side] = -1 - symbol
      } else {
        if (nodes[at][side] === 0) {
          nodes.push([0, 0])
          nodes[at][side] = nodes.length - 1
        }
        at = nodes[at][side]
      }
    }
  }
  return nodes
}

function makeSteps(): Int32Array {
  const steps = new Int32Array(NODES.length * 16)
  for (let node = 0; node < NODES.length; node++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let at = node
      let step = 0
      for (let bit = 3; bit >= 0; bit--) {
        const child = NODES[at][(nibble >>> bit) & 1]
        if (child < 0) {
          const symbol = -1 - child
          if (symbol === EOS) step |= FAILS
          else step |= EMITS | (symbol << 9)
          at = 0
        } else {
          at = child
        }
      }
      steps[node * 16 + nibble] = step | at
    }
  }
  return steps
}

function makeAccepts(): Uint8Array {
  const accepts = new Uint8Array(NODES.length)
  let at = 0
  for (let bits = 0; bits <= 7; bits++) {
    accepts[at] = 1
    at = NODES[at][1]
  }
  return accepts
}

/** Most bytes that `length` coded bytes can decode to: the shortest code has 5 bits. */
export function huffmanDecodedBound(length: number): number {
  return ((length * 8) / 5) | 0
}

/**
 * Decodes bytes `from` to `to` of `source` into `out` from `at` on. `out` must have room for `huffmanDecodedBound`.
 * Returns the position behind the last byte written, or -1 when the string is malformed (EOS, bad padding).
 */
export function huffmanDecode(source: Buffer, from: number, to: number, out: Buffer, at: number): number {
  let node = 0
  let flags = 0
  for (let i = from; i < to; i++) {
    const byte = source[i]
    let step = STEPS[(node << 4) | (byte >>> 4)]
    if ((step & EMITS) !== 0) out[at++] = (step >>> 9) & 0xff
    flags |= step
    step = STEPS[((step & 0x1ff) << 4) | (byte & 15)]
    if ((step & EMITS) !== 0) out[at++] = (step >>> 9) & 0xff
    flags |= step
    node = step & 0x1ff
  }
  return (flags & FAILS) !== 0 || ACCEPTS[node] === 0 ? -1 : at
}

/** Bytes that `text` (latin1) takes when coded. */
export function huffmanLength(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i) & 0xff]
  return (bits + 7) >>> 3
}

/** Writes `text` (latin1) coded into `out` from `at` on; returns the position behind it. */
export function huffmanEncode(text: string, out: Buffer, at: number): number {
  let bits = 0
  let pending = 0
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff
    const length = LENGTHS[symbol]
    // At most 7 bits wait; codes longer than 24 bits are fed in two parts so that 32 bits suffice.
    if (length > 24) {
      pending = (pending << (length - 24)) | (CODES[symbol] >>> 24)
      bits += length - 24
      while (bits >= 8) {
        bits -= 8
        out[at++] = (pending >>> bits) & 0xff
      }
      pending = (pending << 24) | (CODES[symbol] & 0xffffff)
      bits += 24
    } else {
      pending = (pending << length) | CODES[symbol]
      bits += length
    }
    while (bits >= 8) {
      bits -= 8
      out[at++] = (pending >>> bits) & 0xff
    }
  }
  // Padding is the start of EOS: all ones.
  if (bits > 0) out[at++] = ((pending << (8 - bits)) | (0xff >>> bits)) & 0xff
  return at
}
