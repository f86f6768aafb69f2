/** Which target's configuration a text is, by its content. */
import { isIscsiConf } from "./foreign/iscsi-conf/read-iscsi-conf.ts"

/** Formats that can be converted, and lunlog's own. */
export type SourceFormat = "iscsi.conf" | "spdk" | "targetcli" | "tgt" | "native"

const topLevelKey = (source: string, key: string): boolean => new RegExp(`"${key}"\\s*:`, "u").test(source)

/** From the first thing that is neither blank nor a comment of the kind that JSON files with comments have. */
const jsonStart = (source: string): string => {
  let rest = source.trimStart()
  while (rest.startsWith("//") || rest.startsWith("/*")) {
    const end = rest.startsWith("//") ? rest.indexOf("\n") : rest.indexOf("*/", 2)
    if (end < 0) return ""
    rest = rest.slice(end + (rest.startsWith("//") ? 1 : 2)).trimStart()
  }
  return rest
}

/** The first statement of tgt's `targets.conf` that is no comment. */
const tgtStatement =
  /^(?:\s|#[^\n]*\n)*(?:<target[\s>]|(?:include|default-driver|ignore-errors|control-port|isns\w*)[\s=])/iu

/** The format; `native` if it is none of the others. */
export const sourceFormat = (source: string): SourceFormat => {
  if (jsonStart(source).startsWith("{")) {
    if (topLevelKey(source, "subsystems")) return "spdk"
    return topLevelKey(source, "storage_objects") || topLevelKey(source, "fabric_modules") ? "targetcli" : "native"
  }
  if (isIscsiConf(source)) return "iscsi.conf"
  return tgtStatement.test(source) ? "tgt" : "native"
}
