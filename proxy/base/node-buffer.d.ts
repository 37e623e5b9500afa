// Node's own fast paths behind buf.toString('latin1') and buf.write(..., 'latin1'): present in every release, missing in
// the types. They skip the argument handling that dominates for short strings.
interface Buffer {
  latin1Slice(start?: number, end?: number): string
  latin1Write(text: string, offset?: number, length?: number): number
}
