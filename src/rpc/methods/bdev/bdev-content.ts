/** `lunlog_bdev_dump`: what a RAM disk holds, into a file beside the target. */
import { isAbsolute } from "node:path"
import { Effect, Schema } from "effect"
import { resolveBdev } from "../../../domain/bdev/bdev-decide.ts"
import { ControlPlane } from "../../../domain/ControlPlane.ts"
import { DataPlane } from "../../../domain/DataPlane.ts"
import { Text } from "../../param.ts"
import { errnoError, rpcError } from "../../RpcError.ts"
import { defineMethod, type RpcMethod } from "../../RpcMethod.ts"
import { bdevError } from "../dispatch.ts"

const refuse = (code: "EINVAL" | "ENODEV" | "EPERM" | "EOPNOTSUPP", object: string, reason: string, hint: string) =>
  rpcError(errnoError(code), { reason, object, hint })

/** The file is new, of the disk's size, and readable by the target's user alone. Answers when it is whole. */
const bdevDump = defineMethod({
  name: "lunlog_bdev_dump",
  kind: "wait",
  sideEffect: "it writes a file",
  params: Schema.Struct({ name: Text, file: Text }),
  handler: ({ file, name }, { caller }) =>
    Effect.gen(function* () {
      const bdev = resolveBdev((yield* ControlPlane).state(), name)
      const object = `bdev ${name}`
      if (caller.isRemote) {
        return yield* refuse("EPERM", object, "files are for the target's own host", "call it on the control socket")
      }
      if (!isAbsolute(file)) {
        return yield* refuse("EINVAL", "file", "it is no absolute path", "name a file that does not exist yet")
      }
      if (bdev === undefined) return yield* refuse("ENODEV", object, "it does not exist", "lunlog bdev list names all")
      if (bdev.spec._tag !== "Malloc") {
        const hint = bdev.spec._tag === "Aio" ? `copy its file ${bdev.spec.filename}` : "dump the RAM disk below it"
        return yield* refuse("EOPNOTSUPP", object, `it is no RAM disk but of kind ${bdev.spec._tag}`, hint)
      }
      const dump = (yield* DataPlane).dumpBdev(bdev.name, bdev.incarnation, file)
      yield* Effect.mapError(dump, bdevError)
      return { bytes: bdev.spec.blockCount * bdev.spec.blockSize }
    })
})

/** This file's methods. */
export const bdevContentMethods: ReadonlyArray<RpcMethod<ControlPlane | DataPlane>> = [bdevDump]
