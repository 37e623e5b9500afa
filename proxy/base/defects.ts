let report: (error: unknown) => void = () => {}

/** `listener` hears of errors in our own code that were contained where they happened. */
export function reportDefects(listener: (error: unknown) => void): void {
  report = listener
}

/** Tells of an error that nobody expected and that must not end the process. */
export function defect(error: unknown): void {
  report(error)
}
