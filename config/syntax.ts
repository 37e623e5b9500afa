import type { ErrorCode } from 'yaml'

/** YAML's own errors in the words of this configuration; what is not listed keeps the parser's sentence. */
const messages: Partial<Record<ErrorCode, string>> = {
  ALIAS_PROPS: 'an alias cannot carry an anchor or a tag, expected only `*name`',
  BAD_ALIAS: 'the alias has no anchor above it or an empty name, expected `*name` after `&name`',
  BAD_DIRECTIVE: 'unknown YAML directive, expected none',
  BAD_DQ_ESCAPE: 'unknown escape in a double-quoted string, expected one of YAML or single quotes',
  BAD_INDENT:
    'wrong indentation, expected the keys of one mapping and the items of one list below each other',
  BLOCK_AS_IMPLICIT_KEY: 'a mapping cannot begin in this line, expected it on a line of its own, indented',
  BLOCK_IN_FLOW: 'a block cannot stand inside `[...]` or `{...}`, expected values separated by commas',
  KEY_OVER_1024_CHARS: 'the key is longer than 1024 characters, expected `key: value`',
  MULTILINE_IMPLICIT_KEY: 'the key goes over several lines, expected `key: value` in one line',
  MULTIPLE_DOCS: 'a second document begins here, expected one document in the file',
  RESOURCE_EXHAUSTION: 'nested too deeply to be read, expected a few levels',
  TAB_AS_INDENT: 'a tab is used for indentation, expected spaces',
  UNEXPECTED_TOKEN:
    'unexpected text, expected the end of the value, or the next key or item in a line of its own',
  TAG_RESOLVE_FAILED: 'unknown tag or a value that does not fit it, expected a value without a tag',
}

/** For codes with several causes: what the parser's sentence contains, and the words here. */
const causes: readonly (readonly [RegExp, string])[] = [
  [
    /must be sufficiently indented and end with/,
    'a `[` or `{` is not closed, or what is in it is not indented',
  ],
  [/item without - indicator/, 'a key or value inside a list lacks its `- `, or is indented wrongly'],
  [
    /Missing , (or|between)/,
    'a comma is missing inside `[...]` or `{...}`; text with brackets in it needs quotes',
  ],
]

/** What to tell the user for an error of the YAML parser. */
export function syntaxMessage(code: ErrorCode, parserMessage: string): string {
  const message = causes.find(([sentence]) => sentence.test(parserMessage))?.[1] ?? messages[code]
  if (message !== undefined) return `not valid YAML: ${message}`
  const sentence = parserMessage.replace(/\s+/g, ' ').trim()
  return `not valid YAML: ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`
}
