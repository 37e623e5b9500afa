import type { Path } from './problems.ts'

/**
 * A place in the document as it was written. Reading a key that is not there, or of something that is no mapping,
 * gives a part that is missing, so that checks across keys still speak when another part of the file is wrong.
 */
export class Part {
  readonly value: unknown
  readonly path: Path

  constructor(value: unknown, path: Path = []) {
    this.value = value
    this.path = path
  }

  get exists(): boolean {
    return this.value !== undefined
  }

  get isMapping(): boolean {
    return typeof this.value === 'object' && this.value !== null && !Array.isArray(this.value)
  }

  get(key: string): Part {
    const value =
      this.isMapping && Object.hasOwn(this.value as object, key)
        ? Reflect.get(this.value as object, key)
        : undefined
    return new Part(value, [...this.path, key])
  }

  has(key: string): boolean {
    return this.get(key).exists
  }

  keys(): string[] {
    return this.isMapping ? Object.keys(this.value as object) : []
  }

  /** The values of a mapping or the items of a list. */
  children(): Part[] {
    if (Array.isArray(this.value)) {
      return this.value.map((item: unknown, index) => new Part(item, [...this.path, index]))
    }
    return this.keys().map((key) => this.get(key))
  }

  /** The last key of the path. */
  get key(): string {
    return String(this.path[this.path.length - 1] ?? '')
  }

  text(): string | null {
    return typeof this.value === 'string' ? this.value : null
  }

  /** Takes the part out of the document. */
  static remove(document: unknown, path: Path): void {
    let parent = new Part(document)
    for (const step of path.slice(0, -1))
      parent = typeof step === 'number' ? parent.children()[step]! : parent.get(step)
    if (parent.isMapping) Reflect.deleteProperty(parent.value as object, path[path.length - 1]!)
  }
}
