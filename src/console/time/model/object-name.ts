/** Objects as questions about the log name them: `lun:TARGET:ID`, `bdev:NAME` ... */

/** An object, as far as its text can be read. */
export interface ObjectName {
  readonly kind: string
  readonly name: string
}

/** Reads `bdev:Malloc0`. */
export const objectName = (text: string): ObjectName => {
  const at = text.indexOf(":")
  return at < 0 ? { kind: "", name: text } : { kind: text.slice(0, at), name: text.slice(at + 1) }
}

/** `LUN 1 of iqn.2016-06.io.spdk:disk1`, `bdev Malloc0`. */
export const objectWords = (text: string): string => {
  const { kind, name } = objectName(text)
  const lun = lunOf(name)
  if (kind === "lun" && lun !== undefined) return `LUN ${lun.lun} of ${lun.target}`
  return `${kind.replaceAll("-", " ")} ${name}`.trim()
}

/** Reads `TARGET:ID`. */
export const lunOf = (name: string): { readonly target: string; readonly lun: number } | undefined => {
  const found = /^(.+)[:/](\d{1,5})$/u.exec(name)
  return found?.[1] === undefined ? undefined : { target: found[1], lun: Number(found[2]) }
}
