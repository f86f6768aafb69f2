/** How the state is exported in each format. */
import { Effect } from "effect"
import type { Exported, ExportFormat, ExportOptions } from "../config/ExportFormat.ts"
import { printIscsiConf } from "../config/foreign/iscsi-conf/print-iscsi-conf.ts"
import { exportNative } from "../config/native/export-native.ts"
import { secretKey } from "../config/native/secret-references.ts"
import type { Secrets } from "../domain/Secrets.ts"
import { authGroupsOf, type State } from "../domain/State.ts"
import { exportSpdk } from "./export-spdk.ts"
import { authGroupView } from "./methods/auth-groups.ts"
import type { RpcError } from "./RpcError.ts"

type Export = (state: State, options: ExportOptions) => Effect.Effect<Exported, RpcError, Secrets>

/** Every secret in clear, by its `secretKey`. */
export const secretTexts = (state: State): Effect.Effect<ReadonlyMap<string, string>, RpcError, Secrets> =>
  Effect.map(Effect.forEach(authGroupsOf(state), authGroupView), (groups) => {
    const texts = new Map<string, string>()
    for (const { secrets, tag } of groups) {
      for (const { msecret, secret, user } of secrets) {
        texts.set(secretKey(tag, user, "secret"), secret)
        if (msecret !== undefined) texts.set(secretKey(tag, user, "msecret"), msecret)
      }
    }
    return texts
  })

const yaml: Export = (state, options) =>
  options.withSecrets
    ? Effect.map(secretTexts(state), (texts) => exportNative(state, options, texts))
    : Effect.succeed(exportNative(state, options))

/** Secrets of groups by tag, as the auth file has them. */
const plainSecrets = (state: State) =>
  Effect.map(
    Effect.forEach(authGroupsOf(state), authGroupView),
    (groups) => new Map(groups.map(({ secrets, tag }) => [tag, secrets]))
  )

const iscsiConf: Export = (state, { withSecrets }) =>
  withSecrets
    ? Effect.map(plainSecrets(state), (secrets) => printIscsiConf(state, secrets))
    : Effect.succeed(printIscsiConf(state, undefined))

const spdk: Export = (state, { withSecrets }) => exportSpdk(state, withSecrets)

/** By name. */
export const exportFormats: Readonly<Record<ExportFormat, Export>> = { yaml, spdk, "iscsi.conf": iscsiConf }
