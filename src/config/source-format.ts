/** Which target's configuration a text is, by its content. */
import { isIscsiConf } from "./iscsi-conf/read-iscsi-conf.ts"

/** Formats that can be converted, and lunlog's own. */
export type SourceFormat = "iscsi.conf" | "spdk" | "targetcli" | "tgt" | "native"

/** Comments and strings out of the way, so that a key in them counts for nothing. */
const topLevelKey = (source: string, key: string): boolean => new RegExp(`"${key}"\\s*:`, "u").test(source)

/** The first statement of tgt's `targets.conf` that is no comment. */
const tgtStatement =
  /^(?:\u{feff}|\s|#[^\n]*\n)*(?:<target[\s>]|(?:include|default-driver|ignore-errors|control-port|isns\w*)[\s=])/iu

/** The format; `native` if it is none of the others. */
export const sourceFormat = (source: string): SourceFormat => {
  if (/^(?:\u{feff}|\s|\/\/[^\n]*\n|\/\*[\s\S]*?\*\/)*\{/u.test(source)) {
    if (topLevelKey(source, "subsystems")) return "spdk"
    return topLevelKey(source, "storage_objects") || topLevelKey(source, "fabric_modules") ? "targetcli" : "native"
  }
  if (isIscsiConf(source)) return "iscsi.conf"
  return tgtStatement.test(source) ? "tgt" : "native"
}
