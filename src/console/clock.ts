/** The browser's clock, in one place: the target's times are in milliseconds or microseconds since 1970. */

/** Milliseconds since 1970. Runs on evenly while the page is open, also when the machine's clock is set. */
export const nowMillis = (): number => performance.timeOrigin + performance.now()
