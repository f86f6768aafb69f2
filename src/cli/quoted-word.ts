/** Words for commands that somebody is to type. */

/** A word as a shell takes it for one. */
export const quotedWord = (text: string): string =>
  /^[\w./:=@%+,-]+$/u.test(text) ? text : `'${text.replace(/'/gu, String.raw`'\''`)}'`
