/** Whether `value` is one of the ways to say that something is switched off. */
export function isOff(value: unknown): value is 'off' | false {
  return value === 'off' || value === false
}

/** `null` for what is switched off. */
export function orNull<T>(value: T | 'off' | false): T | null {
  return isOff(value) ? null : value
}
