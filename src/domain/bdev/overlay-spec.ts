/** The rules of an overlay: where the changes go. */
import { Result } from "effect"
import { InvalidArgument } from "../DomainError.ts"
import { quote } from "../decision.ts"
import {
  type BdevRef,
  type BdevRequest,
  type BdevSpec,
  FILENAME_LENGTH_MAX,
  OVERLAY_BYTES_DEFAULT
} from "./BdevSpec.ts"

type OverlayRequest = Extract<BdevRequest, { readonly _tag: "Overlay" }>

const bytesMin = 1024 * 1024

/** Where the changes go, or why they cannot. `object` is for messages. */
export const parseOverlaySpec = (
  object: string,
  { filename, maxBytes }: OverlayRequest,
  base: BdevRef
): Result.Result<BdevSpec, InvalidArgument> => {
  const refuse = (reason: string, hint: string) => Result.fail(new InvalidArgument({ object, reason, hint }))
  if (filename === undefined) {
    const bytes = maxBytes ?? OVERLAY_BYTES_DEFAULT
    if (Number.isSafeInteger(bytes) && bytes >= bytesMin) {
      return Result.succeed({ _tag: "Overlay", base, maxBytes: bytes })
    }
    return refuse(`has room for ${bytes} bytes of changes`, "use at least 1 MiB")
  }
  if (maxBytes !== undefined) {
    return refuse("has a file and a limit of memory", "name the file, or the limit: a file may grow up to the base")
  }
  if (filename.startsWith("/") && !filename.includes("\0") && filename.length <= FILENAME_LENGTH_MAX) {
    return Result.succeed({ _tag: "Overlay", base, filename })
  }
  return refuse(`has the file ${quote(filename)}`, `use an absolute path of at most ${FILENAME_LENGTH_MAX} characters`)
}
