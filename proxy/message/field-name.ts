/** The name as servers after CGI's model (RFC 3875 §4.1.18) read it: to them "_" and "-" are the same. */
export function hyphenated(name: string): string {
  return name.includes('_') ? name.replaceAll('_', '-') : name
}
