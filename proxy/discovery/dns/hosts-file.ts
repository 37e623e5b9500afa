import { isIP } from 'node:net'

/** The addresses that the text of a hosts(5) file gives to `name`, in its order; none: it does not know the name. */
export function addressesInHosts(text: string, name: string): string[] {
  const wanted = name.toLowerCase()
  const found: string[] = []
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*$/, '').trim().split(/\s+/)
    if (isIP(address) === 0 || found.includes(address)) continue
    if (names.some((each) => each.toLowerCase() === wanted)) found.push(address)
  }
  return found
}
