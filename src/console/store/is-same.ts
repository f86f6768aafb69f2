/** Whether two answers say the same: then what was drawn from the first is still right. */
import { isRecord } from "../rpc/reader-codec.ts"

/** Compares values as JSON has them, item by item and member by member. */
export const isSame = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => isSame(item, b[index]))
  }
  if (!isRecord(a) || !isRecord(b)) return false
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => isSame(a[name], b[name]))
}

/** Gives the value of before as long as the new ones say the same. */
export const holding = <A>(): ((value: A) => A) => {
  let held: { readonly value: A } | undefined
  return (value) => {
    if (held === undefined || !isSame(held.value, value)) held = { value }
    return held.value
  }
}
