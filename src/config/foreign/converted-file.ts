/** A configuration that was converted while it was read: what is wrong with it is told in its source's lines. */

import { withAbsolutePaths } from "../native/file-paths.ts"
import { type NativeFile, nativeFileOf } from "../native/NativeFile.ts"
import type { Conversion } from "./Conversion.ts"

/** Stands where a native file may stand. */
export const convertedFile = (name: string, { config, places }: Conversion): NativeFile =>
  nativeFileOf(name, withAbsolutePaths(config, name), ([list, index]) => {
    const place = places.get(typeof index === "number" ? `${String(list)}[${index}]` : String(list))
    return place ?? name
  })
