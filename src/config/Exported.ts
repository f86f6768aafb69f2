/** The state in a format of another target. */

/** A text, and what it does not say. */
export interface Exported {
  readonly text: string
  /** `OBJECT: WHAT IS NOT IN THE TEXT, AND WHY`. */
  readonly warnings: ReadonlyArray<string>
}
