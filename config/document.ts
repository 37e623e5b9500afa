import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Pair, parseAllDocuments } from 'yaml'
import { LineTable } from './line-table.ts'
import { formatPath, type Path } from './problems.ts'
import { syntaxMessage } from './syntax.ts'
import type { Problem } from './types/problem.ts'

/** Largest nesting of mappings and lists; the schema needs less than ten. */
const maxDepth = 50
/** Largest number of values once aliases are followed, so that a few nested anchors cannot fill the memory. */
const maxValues = 200_000

/** Largest number of syntax errors told; those behind the first few follow from them. */
const maxSyntaxProblems = 10

/** Where a value and its key begin, and what lies below it. */
interface Place {
  key: number
  value: number
  readonly below: Map<string | number, Place>
}

/** A YAML text as plain values, each of whose places in the text is known. */
export class SourceDocument {
  readonly file: string
  /** Scalars, arrays and plain objects, as the text says; `undefined` when it cannot be read. */
  data: unknown = undefined
  /** What is wrong with the YAML itself. */
  readonly problems: Problem[] = []
  readonly #expected: string
  readonly #lines: LineTable
  #top: Place = { key: 0, value: 0, below: new Map() }
  #values = 0

  /** `expected` is told of an empty file. */
  constructor(text: string, file: string, expected = 'a configuration with the key `service`') {
    this.file = file
    this.#expected = expected
    this.#lines = new LineTable(text)
    try {
      this.#read(text)
    } catch (error) {
      // The parser and the walk below recurse; only a text nested thousands deep exhausts the stack.
      if (!(error instanceof RangeError)) throw error
      this.problems.push(this.#at(0, [], 'nested too deeply, or too large once its aliases are followed'))
    }
    if (this.problems.length > 0 && !this.problems.every(isDuplicateKey)) this.data = undefined
  }

  /**
   * A problem at the value of a path, or at its key. Where the path leads to nothing, the nearest part above it
   * that exists is the place.
   */
  problem(path: Path, message: string, at: 'key' | 'value' = 'value'): Problem {
    let place = this.#top
    for (const part of path) {
      const below = place.below.get(part)
      if (below === undefined) return this.#at(place.value, path, message)
      place = below
    }
    return this.#at(at === 'key' ? place.key : place.value, path, message)
  }

  #at(offset: number, path: Path, message: string): Problem {
    return { file: this.file, ...this.#lines.position(offset), path: formatPath(path), message }
  }

  #read(text: string): void {
    const documents = parseAllDocuments(text, {
      prettyErrors: false,
      // Found below instead, with the path of the key, and without comparing every pair.
      uniqueKeys: false,
      logLevel: 'silent',
    })
    const document: Document.Parsed | undefined = documents[0]
    for (const { errors, warnings } of documents) {
      for (const error of [...errors, ...warnings].slice(0, maxSyntaxProblems)) {
        this.problems.push(this.#at(error.pos[0], [], syntaxMessage(error.code, error.message)))
      }
    }
    if (this.problems.length > 0) return
    if (documents[1] !== undefined) {
      const start = documents[1].range[0]
      this.problems.push(
        this.#at(start, [], 'a second document begins here, expected one document in the file'),
      )
      return
    }
    const contents = document?.contents ?? null
    if (contents === null || (isScalar(contents) && contents.value === null)) {
      this.problems.push(this.#at(0, [], `the file is empty, expected ${this.#expected}`))
      return
    }
    this.data = this.#value(document!, contents, [], this.#top, 0)
  }

  #value(document: Document.Parsed, node: Node | null, path: Path, place: Place, depth: number): unknown {
    if (node === null) return null
    place.value = node.range?.[0] ?? place.key
    if (depth > maxDepth || ++this.#values > maxValues) {
      throw new RangeError('too deep or too many values')
    }
    if (isAlias(node)) {
      const offset = place.value
      const target = node.resolve(document)
      if (target === undefined) {
        const message = `no anchor above is called \`${node.source}\`, expected \`*name\` after \`&name\``
        this.problems.push(this.#at(offset, path, message))
        return null
      }
      const value = this.#value(document, target, path, place, depth + 1)
      place.value = offset
      return value
    }
    if (isScalar(node)) return node.value
    if (isSeq(node)) {
      return node.items.map((item, index) => {
        const below = newPlace(place.value)
        place.below.set(index, below)
        return this.#value(document, item as Node, [...path, index], below, depth + 1)
      })
    }
    const object: Record<string, unknown> = {}
    if (isMap(node)) {
      const merged: Pair[] = []
      for (const pair of node.items) {
        if (isScalar(pair.key) && pair.key.source === '<<') merged.push(pair)
        else this.#pair(document, pair, object, path, place, depth)
      }
      for (const pair of merged) this.#merge(document, pair, object, path, place, depth)
    }
    return object
  }

  #pair(
    document: Document.Parsed,
    pair: Pair,
    object: Record<string, unknown>,
    path: Path,
    place: Place,
    depth: number,
  ) {
    const keyNode = pair.key as Node | null
    const offset = keyNode?.range?.[0] ?? place.value
    const value = isScalar(keyNode)
      ? keyNode.value
      : isAlias(keyNode)
        ? this.#aliasKey(document, keyNode)
        : undefined
    if (value === undefined || value === null || typeof value === 'object') {
      this.problems.push(this.#at(offset, path, 'a key has to be plain text, expected `key: value`'))
      return
    }
    const key = String(value)
    if (key === '__proto__') {
      this.problems.push(this.#at(offset, [...path, key], 'unknown key `__proto__`'))
      return
    }
    if (Object.hasOwn(object, key)) {
      const first = this.#lines.position(place.below.get(key)!.key)
      const message = `${duplicateKey} in line ${first.line}, expected each key once`
      this.problems.push(this.#at(offset, [...path, key], message))
      return
    }
    const below = newPlace(offset)
    place.below.set(key, below)
    object[key] = this.#value(document, pair.value as Node | null, [...path, key], below, depth + 1)
  }

  #aliasKey(document: Document.Parsed, node: Node): unknown {
    const target = isAlias(node) ? node.resolve(document) : undefined
    return isScalar(target) ? target.value : undefined
  }

  /** `<<: *anchor`: the mapping's own keys win over merged ones, earlier merged ones over later ones. */
  #merge(
    document: Document.Parsed,
    pair: Pair,
    object: Record<string, unknown>,
    path: Path,
    place: Place,
    depth: number,
  ) {
    const below = newPlace((pair.key as Node).range?.[0] ?? place.value)
    const value = this.#value(document, pair.value as Node | null, [...path, '<<'], below, depth + 1)
    const sources = Array.isArray(value) ? value : [value]
    sources.forEach((source: unknown, index) => {
      if (typeof source !== 'object' || source === null || Array.isArray(source)) {
        this.problems.push(
          this.#at(below.value, [...path, '<<'], 'expected a mapping to merge, such as `<<: *anchor`'),
        )
        return
      }
      const places = Array.isArray(value) ? below.below.get(index)! : below
      for (const [key, merged] of Object.entries(source)) {
        if (Object.hasOwn(object, key)) continue
        object[key] = merged
        place.below.set(key, places.below.get(key)!)
      }
    })
  }
}

const duplicateKey = 'the key is given a second time, first'

function isDuplicateKey(problem: Problem): boolean {
  return problem.message.startsWith(duplicateKey)
}

function newPlace(offset: number): Place {
  return { key: offset, value: offset, below: new Map() }
}
